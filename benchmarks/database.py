"""Open a database that has the addon, for a benchmark."""

import argparse
import time
from contextlib import contextmanager

import odoo.api
from odoo.modules.registry import Registry
from odoo.tools import config


@contextmanager
def environment(database):
    """Yield an environment of the superuser. Odoo's configuration is the one that ODOO_RC names."""
    config.parse_config(["--database", database, "--log-level", "error"], setup_logging=True)
    with Registry(database).cursor() as cr:
        yield odoo.api.Environment(cr, odoo.api.SUPERUSER_ID, {"tracking_disable": True})


def parse_arguments(description, **options):
    """:return: arguments: ``database``, and each of ``options`` (name -> default) as ``--name``"""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("database", help="a scratch database with clm installed; it is filled and left so")
    for name, default in options.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    return parser.parse_args()


def timed(function, *args):
    """:return: pair: seconds that the call took, what it returned"""
    start = time.perf_counter()
    result = function(*args)
    return time.perf_counter() - start, result


def report(name, seconds, limit):
    """Print a figure against its limit.

    :return: bool, whether it is within
    """
    print(f"{name}: {seconds:.2f} s, limit {limit:.2f} s: {'ok' if seconds <= limit else 'TOO SLOW'}", flush=True)
    return seconds <= limit
