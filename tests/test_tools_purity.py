"""``tools`` is plain Python: it knows neither Odoo nor the rest of the addon."""

import ast
from pathlib import Path

from odoo.tests import BaseCase

TOOLS = Path(__file__).resolve().parent.parent / "tools"


def imported_modules(tree):
    """The modules that a file imports, relative ones with their dots, wherever in the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("__import__", "importlib.import_module"):
            yield "odoo (imported by a call)"


def is_impure(module):
    return module.startswith("..") or module.split(".")[0].split(" ")[0] == "odoo"


class TestToolsPurity(BaseCase):
    def test_tools_import_neither_odoo_nor_the_rest_of_the_addon(self):
        paths = sorted(TOOLS.rglob("*.py"))
        self.assertIn(TOOLS / "replay.py", paths)
        for path in paths:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            self.assertFalse([module for module in imported_modules(tree) if is_impure(module)], path.name)

    def test_check_finds_every_way_to_import_odoo(self):
        for source in (
            "import odoo", "import os, odoo.tools", "from odoo import api", "from odoo.tools import SQL",
            "from .. import models", "from ..models import clm_stage", "from ... import fields",
            "def f():\n    import odoo", "__import__('odoo')", "importlib.import_module('odoo')",
        ):
            self.assertTrue([module for module in imported_modules(ast.parse(source)) if is_impure(module)], source)

    def test_check_lets_plain_imports_pass(self):
        for source in ("import math", "from . import kinds", "from .kinds import KINDS", "import odoolike"):
            self.assertFalse([module for module in imported_modules(ast.parse(source)) if is_impure(module)], source)
