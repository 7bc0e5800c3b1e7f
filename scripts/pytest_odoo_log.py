"""Fail the run when the Odoo log has a warning or an error that comes from this addon.

A pytest plugin (``-p pytest_odoo_log``). It adds a last item, ``odoo-log``, that looks at what was logged while the
addon was installed (the file named by CLM_INSTALL_LOG), while Odoo was loaded and while the tests ran. A test that
expects a warning uses ``assertLogs`` or ``mute_logger``; what these catch is not counted.
"""

import logging
import os
import re
import traceback
from pathlib import Path

import pytest

# The addon as a word (odoo.addons.clm.models, clm.visit, clm.group_user), its folder, its tables, its fields.
# The databases of the tests are called clm_test_..., clm_base_... and clm_addon_...
OURS = re.compile(r"addons/clm/|(?<![\w/-])clm(?![\w-])|(?<![\w/-])clm_(?!test_|base_|addon_)[a-z]|\blifecycle_[a-z]")
LOG_LINE = re.compile(
    r"^\d{4}-\d\d-\d\d [\d:,]+ \d+ (?P<level>WARNING|ERROR|CRITICAL) \S+ (?P<logger>\S+): (?P<message>.*)"
)


def concerns_addon(*texts):
    """:return: whether one of the texts names something of this addon"""
    return any(OURS.search(text) for text in texts)


def problems_in_file(path):
    """:return: list of the lines of an Odoo log that are warnings or worse and come from this addon"""
    problems = []
    for line in Path(path).read_text(encoding="utf-8", errors="replace").splitlines():
        match = LOG_LINE.match(line)
        if match and concerns_addon(match["logger"], match["message"]):
            problems.append(f"installation: {match['level']} {match['logger']}: {match['message']}")
    return problems


class Collector(logging.Handler):
    """Keeps the records of this addon, each with the test in which it came."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.problems = []

    def emit(self, record):
        message = record.getMessage()
        if record.exc_info:
            message += "\n" + "".join(traceback.format_exception(*record.exc_info))
        if concerns_addon(record.name, message):
            self.add(os.environ.get("PYTEST_CURRENT_TEST"), f"{record.levelname} {record.name}: {message}")

    def add(self, test, text):
        self.problems.append(f"{test or 'between the tests'}: {text}")


class OdooLogItem(pytest.Item):
    """Passes when nothing was collected. Comes last, whatever tests were selected."""

    def __init__(self, *, collector, **kwargs):
        super().__init__(**kwargs)
        self.collector = collector

    def runtest(self):
        install_log = os.environ.get("CLM_INSTALL_LOG")
        problems = (problems_in_file(install_log) if install_log else []) + self.collector.problems
        if problems:
            pytest.fail("This addon must log no warning:\n\n" + "\n\n".join(problems), pytrace=False)

    def reportinfo(self):
        return self.path, None, self.name


class OdooLogPlugin:
    """The hooks of pytest."""

    def __init__(self):
        self.collector = Collector()
        logging.getLogger().addHandler(self.collector)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, session, items):
        if items:
            items.append(OdooLogItem.from_parent(session, name="odoo-log", collector=self.collector))

    def pytest_warning_recorded(self, warning_message, nodeid):
        # pytest takes Python's warnings before Odoo can log them
        if "addons/clm/" in warning_message.filename:
            self.collector.add(nodeid, f"{warning_message.category.__name__}: {warning_message.message}")


def pytest_configure(config):
    config.pluginmanager.register(OdooLogPlugin(), "odoo-log")
