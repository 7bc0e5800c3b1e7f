"""A process that runs the playbook queue, started by test_playbook_concurrency. Argument: database."""

import sys

import odoo.api
from odoo.modules.registry import Registry
from odoo.tools import config


def say(what):
    """Tell the test, which listens."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def main(database):
    config.parse_config(["--database", database, "--log-level", "warn"], setup_logging=True)
    registry = Registry(database)
    sys.modules["odoo.addons.clm.models.clm_effect_run"].BATCH_SIZE = 5
    say("ready")
    sys.stdin.readline()
    with registry.cursor() as cr:
        done = odoo.api.Environment(cr, odoo.api.SUPERUSER_ID, {})["clm.effect"]._cron_run()
    say(done)


if __name__ == "__main__":
    main(sys.argv[1])
