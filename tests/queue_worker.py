"""A process that empties the queue, started by test_concurrency. Arguments: database, batches before it is killed."""

import os
import signal
import sys

import odoo.api
from odoo.modules.registry import Registry
from odoo.tools import config


def say(what):
    """Tell the test, which listens."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def main(database, kill_after):
    config.parse_config(["--database", database, "--log-level", "warn"], setup_logging=True)
    registry = Registry(database)
    engine = sys.modules["odoo.addons.clm.models.clm_lifecycle_engine"]
    ledger = sys.modules["odoo.addons.clm.models.clm_ledger"].ClmLedger

    engine.BATCH_SIZE = 10
    store_customers = ledger._store_customers
    batches = 0

    def spy(self, *args):
        """Die between two statements of a batch: the visits are written, the customers are not."""
        nonlocal batches
        batches += 1
        if batches == kill_after:
            os.kill(os.getpid(), signal.SIGKILL)
        return store_customers(self, *args)

    ledger._store_customers = spy
    say("ready")
    sys.stdin.readline()
    with registry.cursor() as cr:
        odoo.api.Environment(cr, odoo.api.SUPERUSER_ID, {})["clm.lifecycle.engine"]._process_queue()
    say(batches)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
