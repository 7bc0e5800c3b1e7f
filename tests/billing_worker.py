"""Billing runs in processes of their own, started by test_billing_concurrency. Arguments: database.

Loads Odoo once. Then each line on stdin is a JSON list of runs, each a dict of the values of ``Run``; every run is a
forked process with a connection of its own, all of a line begin at the same time. The answer is a line with a JSON list
of dicts: ``pid``, ``code`` (exit code, negative: the signal), ``statements`` (SQL statements and commits), ``moves``
(ids) and ``error``.
"""

import json
import os
import signal
import sys
from datetime import date
from typing import NamedTuple

import odoo.api
from odoo import sql_db
from odoo.exceptions import UserError
from odoo.modules.registry import Registry
from odoo.service.model import retrying
from odoo.tools import config

TIME_LIMIT = 120  # seconds


class Run(NamedTuple):
    """What a process does.

    :param company: id; the demo data of the database is nobody's business here
    :param day: bill what is planned until that day (ISO text)
    :param kill: the number of the statement instead of which it kills itself; 0: none
    :param batch: contracts, or customers, per batch
    :param bill_now: ids of contracts of which a user bills what is due, instead of the cron
    """

    company: int
    day: str
    kill: int = 0
    batch: int = 4
    bill_now: list = []


class Meter:
    """Counts the statements of this process, and kills it in time."""

    def __init__(self, kill):
        self.kill, self.statements = kill, 0

    def watch(self, name):
        original = getattr(sql_db.Cursor, name)

        def counted(*args, **kwargs):
            self.statements += 1
            if self.statements == self.kill:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*args, **kwargs)

        setattr(sql_db.Cursor, name, counted)


def bill(registry, run):
    """:return: pair: ids of the invoices, text of the error"""
    registry["res.company"]._lifecycle_companies = lambda companies: companies.sudo().browse(run.company)
    with registry.cursor() as cr:
        env = odoo.api.Environment(cr, odoo.api.SUPERUSER_ID, {})
        engine = env["clm.billing.engine"]
        if not run.bill_now:
            return engine._run(date=date.fromisoformat(run.day)).ids, ""
        contracts = env["clm.contract"].browse(run.bill_now)
        try:
            action = retrying(contracts.with_company(run.company).action_bill_now, env)
        except UserError as error:
            return [], f"{error}"
        return [action["res_id"]] if action.get("res_id") else action["domain"][0][2], ""


def live(registry, run, start, answer):
    """The life of a forked process."""
    signal.alarm(TIME_LIMIT)
    sys.modules["odoo.addons.clm.models.clm_billing_engine"].BATCH_SIZE = run.batch
    meter = Meter(run.kill)
    os.read(start, 1)  # all begin together
    meter.watch("execute")
    meter.watch("commit")
    moves, error = bill(registry, run)
    os.write(answer, json.dumps({"statements": meter.statements, "moves": moves, "error": error}).encode())


def fork(registry, run, start):
    """:return: pair: process id, the file to read its answer from"""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return pid, os.fdopen(reader)
    code = 1
    try:
        os.close(start[1])
        live(registry, run, start[0], writer)
        code = 0
    finally:
        sys.stderr.flush()
        os._exit(code)


def perform(registry, runs):
    """Let some runs go at the same time.

    :return: list of dicts
    """
    start = os.pipe()
    processes = [fork(registry, run, start) for run in runs]
    os.close(start[0])
    os.close(start[1])  # the sign to begin
    answers = []
    for pid, reader in processes:
        with reader:
            text = reader.read()
        _pid, status = os.waitpid(pid, 0)
        answers.append({"pid": pid, "code": os.waitstatus_to_exitcode(status), **json.loads(text or "{}")})
    return answers


def warm_up(registry, run):
    """Fill the caches that all processes inherit: bill, and undo it."""
    with registry.cursor() as cr:
        env = odoo.api.Environment(cr, odoo.api.SUPERUSER_ID, {})
        contracts = env["clm.contract"].search([("company_id", "=", run.company)], limit=2)
        env["clm.billing.engine"]._run(contracts, date.fromisoformat(run.day))
        env.flush_all()
        cr.rollback()


def main(database):
    config.parse_config(["--database", database, "--log-level", "warn"], setup_logging=True)
    registry, warm = Registry(database), False
    say("ready")
    for line in sys.stdin:
        runs = [Run(**values) for values in json.loads(line)]
        if not warm:
            warm_up(registry, runs[0])
            warm = True
        sql_db.close_all()  # connections cannot be shared with the processes
        say(json.dumps(perform(registry, runs)))


def say(text):
    """Tell the test, which listens."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
