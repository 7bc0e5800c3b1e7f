import ast
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import SkipTest
from zipfile import ZipFile

from odoo.modules import get_module_path
from odoo.tests import BaseCase, tagged

RUN_TIME_FOLDERS = {
    "controllers", "data", "demo", "i18n", "migrations", "models", "reports", "security", "static", "tests", "tools",
    "views", "wizards",
}  # fmt: skip
RUN_TIME_FILES = {"__init__.py", "__manifest__.py", "const.py", "exceptions.py", "hooks.py"}
PAPERS = {"CHANGELOG.md", "LICENSE", "README.md"}


@tagged("-at_install", "post_install")
class TestSuite(BaseCase):
    """Odoo's own runner sees only the test files that ``tests/__init__.py`` imports; pytest sees all."""

    def test_every_test_file_is_imported(self):
        tests = Path(get_module_path("clm")) / "tests"
        imports = ast.walk(ast.parse((tests / "__init__.py").read_text()))
        imported = {alias.name for node in imports if isinstance(node, ast.ImportFrom) for alias in node.names}
        self.assertEqual({path.stem for path in tests.glob("test_*.py")} - imported, set())


@tagged("-at_install", "post_install")
class TestWheel(BaseCase):
    """``pip wheel`` makes ``odoo-addon-clm``, in which Odoo finds the addon ``clm``."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.addon = Path(get_module_path("clm"))
        if not (cls.addon / "pyproject.toml").exists():
            raise SkipTest("This is no checkout: an installed addon has no pyproject.toml.")
        folder = cls.enterClassContext(TemporaryDirectory())
        cls.wheel = cls._build_wheel(Path(folder))
        with ZipFile(cls.wheel) as archive:
            cls.names = archive.namelist()

    @classmethod
    def _build_wheel(cls, folder):
        # the resolved path: the name of the checkout's folder must not matter
        command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, cls.addon.resolve()]
        backend_is_here = find_spec("hatchling") is not None
        if backend_is_here:
            command.append("--no-build-isolation")
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode and not backend_is_here:
            raise SkipTest("The wheel could not be built: hatchling is not installed and cannot be downloaded.")
        if result.returncode:
            raise AssertionError(f"The wheel could not be built:\n{result.stderr}")
        return next(folder.glob("*.whl"))

    def _manifest(self):
        return ast.literal_eval((self.addon / "__manifest__.py").read_text())

    def test_wheel_is_named_after_addon_and_has_its_version(self):
        version = self._manifest()["version"]
        self.assertEqual(self.wheel.name, f"odoo_addon_clm-{version}-py3-none-any.whl")

    def test_wheel_holds_only_what_the_addon_needs(self):
        content = {name for name in self.names if ".dist-info/" not in name}
        self.assertEqual({name for name in content if not name.startswith("odoo/addons/clm/")}, set())
        top = {name.split("/")[3] for name in content}
        self.assertEqual(top - RUN_TIME_FOLDERS - RUN_TIME_FILES - PAPERS, set())
        self.assertFalse([name for name in content if "__pycache__" in name or "tests/addons/" in name])

    def test_wheel_holds_every_file_the_addon_needs(self):
        needed = {self.addon / name for name in RUN_TIME_FILES if (self.addon / name).exists()}
        for folder in RUN_TIME_FOLDERS:
            needed.update(path for path in (self.addon / folder).rglob("*") if path.is_file())
        names = {
            path.relative_to(self.addon).as_posix()
            for path in needed
            if "__pycache__" not in path.parts and (self.addon / "tests" / "addons") not in path.parents
        }
        self.assertEqual({name for name in names if f"odoo/addons/clm/{name}" not in self.names}, set())

    def test_requirements_of_wheel_are_those_of_manifest(self):
        with ZipFile(self.wheel) as archive:
            metadata = archive.read(next(name for name in self.names if name.endswith("/METADATA"))).decode()
        required = set(re.findall(r"^Requires-Dist: (.+)$", metadata, re.MULTILINE))
        self.assertEqual(required, set(self._manifest().get("external_dependencies", {}).get("python", [])))

    def test_odoo_finds_addon_in_installed_wheel(self):
        with TemporaryDirectory() as target:
            pip_install = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--target", target]
            subprocess.run([*pip_install, self.wheel], capture_output=True, check=True)
            script = (
                f"import sys; sys.path.insert(1, {target!r}); import odoo.modules.module as module;"
                " module.initialize_sys_path(); print(module.get_module_path('clm'));"
                " print(module.Manifest.for_addon('clm').version)"
            )
            found = subprocess.run(
                [sys.executable, "-c", script], cwd="/", capture_output=True, text=True, check=True
            ).stdout.split()
            self.assertEqual(found, [f"{target}/odoo/addons/clm", self._manifest()["version"]])
