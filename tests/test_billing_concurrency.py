import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from odoo import SUPERUSER_ID, api
from odoo.fields import Command
from odoo.modules.registry import Registry
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tests import BaseCase, get_db_name, tagged
from odoo.tools import SQL, config

from ..tools.recurrence import step

KILL_SECONDS = 35
START = datetime.now(UTC).date().replace(day=1)


def month(number):
    """:return: first day of a month after the start, as text"""
    return step(START, "month", number).isoformat()


class CommittedCase(BaseCase):
    """Contracts of a company of their own, really committed, billed by real processes; removed afterwards.

    Contract number i charges 100 + i a month in advance; each third has a second line of 1 a month.
    """

    contract_count = 12
    customer_count = 4

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.worker = cls._start_worker()

    def setUp(self):
        super().setUp()
        self.company_id = None
        self.addCleanup(self._remove_company)
        with self._env() as env:
            self.last_trigger_id = env["ir.cron.trigger"].search([], order="id desc", limit=1).id
            company = env["res.company"].create({"name": "Billed at once", "lifecycle_tz": "UTC"})
            self.company_id, self.company_partner_id = company.id, company.partner_id.id
        with self._env() as env:
            self._prepare_books(env)
            self.contract_ids = self._create_contracts(env)

    @contextmanager
    def _env(self):
        """Context manager: an environment of the company, committed at the end."""
        with Registry(get_db_name()).cursor() as cr:
            context = {"tracking_disable": True, "no_reset_password": True}
            if self.company_id:
                context["allowed_company_ids"] = [self.company_id]
            yield api.Environment(cr, SUPERUSER_ID, context)

    # === FIXTURES === #

    def _prepare_books(self, env):
        income, receivable = env["account.account"].create([
            {"name": "Income", "code": "CLMI", "account_type": "income"},
            {"name": "Receivable", "code": "CLMR", "account_type": "asset_receivable", "reconcile": True},
        ])
        journal = env["account.journal"].create({
            "name": "Sales", "code": "CLMS", "type": "sale", "default_account_id": income.id,
        })
        partners = env["res.partner"].create([
            {"name": f"Billed {i}", "company_id": self.company_id,
             "property_account_receivable_id": receivable.id} for i in range(self.customer_count)
        ])
        kind = env["clm.contract.type"].create({
            "name": "Billed", "company_id": self.company_id, "term_months": 0, "signature_required": "none",
        })
        self.journal_id, self.type_id, self.partner_ids = journal.id, kind.id, partners.ids

    def _create_contracts(self, env):
        contracts = env["clm.contract"].create([{
            "type_id": self.type_id, "partner_id": self.partner_ids[i % self.customer_count],
            "company_id": self.company_id, "date_start": START, "term_months": 0, "line_ids": [
                Command.create({
                    "name": "Service", "price_unit": price, "recurrence_unit": "month", "tax_ids": [Command.clear()],
                }) for price in ((100 + i, 1) if i % 3 == 0 else (100 + i,))
            ],
        } for i in range(self.contract_count)])
        contracts._set_state("signed", signed_on=START)
        contracts._activate()
        return contracts.ids

    def _remove_company(self):
        if not self.company_id:
            return
        with self._env() as env:
            records = env["base"].with_context(active_test=False, force_delete=True).env
            own = [("company_id", "=", self.company_id)]
            moves = records["account.move"].search(own)
            moves.filtered(lambda move: move.state == "posted").button_draft()
            moves.unlink()
            env.cr.execute(SQL("UPDATE clm_contract SET state = 'cancelled' WHERE company_id = %s", self.company_id))
            env.invalidate_all()
            partner_ids = [*records["res.partner"].search(own).ids, self.company_partner_id]
            for model in ("clm.contract", "clm.contract.type", "clm.billing.run", "res.partner", "account.journal"):
                records[model].search(own).unlink()
            records["account.account"].search([("company_ids", "in", self.company_id)]).unlink()
            company = env["res.company"].browse(self.company_id)
            sequence, calendars = company.batch_payment_sequence_id, records["resource.calendar"].search(own)
            company.unlink()
            sequence.unlink()
            calendars.unlink()
            env["res.partner"].browse(self.company_partner_id).unlink()
            env.flush_all()
            env["ir.cron.trigger"].search([("id", ">", self.last_trigger_id)]).unlink()
            env.cr.execute(SQL("DELETE FROM clm_queue WHERE partner_id = ANY(%s)", partner_ids))

    # === PROCESSES === #

    @classmethod
    def _start_worker(cls):
        """Start the process that runs are forked from, and wait until it has loaded the registry."""
        environment = {
            **os.environ,
            "ODOO_RC": config["config"] or os.environ.get("ODOO_RC", ""),
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        worker = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("billing_worker.py"), get_db_name()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )
        cls.addClassCleanup(worker.stdin.close)
        cls.addClassCleanup(worker.stdout.close)
        cls.addClassCleanup(worker.wait)
        cls.addClassCleanup(worker.kill)
        assert worker.stdout.readline() == "ready\n"
        return worker

    def _bill(self, *runs):
        """Let runs go at the same time, and wait for the end of all, and of their connections.

        :param runs: dicts as of ``billing_worker.Run``
        :return: list of dicts, see there
        """
        runs = [{"company": self.company_id, **run} for run in runs]
        self.worker.stdin.write(json.dumps(runs) + "\n")
        self.worker.stdin.flush()
        answers = json.loads(self.worker.stdout.readline())
        names = [config["db_app_name"].replace("{pid}", str(answer["pid"]))[:63] for answer in answers]
        until = time.monotonic() + 10
        while self._is_connected(names):
            self.assertLess(time.monotonic(), until, "PostgreSQL still works for a process that is gone")
            time.sleep(0.01)
        return answers

    def _is_connected(self, names):
        query = SQL("SELECT count(*) FROM pg_stat_activity WHERE application_name = ANY(%s)", names)
        with self._env() as env:
            return env.execute_query(query)[0][0] > 0

    def _bill_one(self, **run):
        """Let one run go that nobody disturbs.

        :return: its answer
        """
        answer, = self._bill(run)
        self.assertEqual(answer["code"], 0)
        return answer

    def _set_up_company(self, **vals):
        with self._env() as env:
            env["res.company"].browse(self.company_id).write(vals)

    # === LAWS === #

    def _price(self, contract_id):
        number = self.contract_ids.index(contract_id)
        return 100 + number + (number % 3 == 0)

    def _assert_exact(self, months, without=()):
        """So many months are billed of each contract: each row once, by a line that is its own, at its price.

        :param without: ids of contracts of which the last of these months is not billed
        """
        last = date.fromisoformat(month(months - 1))
        with self._env() as env:
            query = SQL(
                """
                SELECT i.contract_id, i.date_planned, i.state, i.move_line_id, array_agg(l.id),
                       sum(l.price_subtotal), bool_or(m.invoice_date IS DISTINCT FROM i.date_planned)
                  FROM clm_installment i
             LEFT JOIN account_move_line l ON l.clm_installment_id = i.id
             LEFT JOIN account_move m ON m.id = l.move_id
                 WHERE i.company_id = %s AND (i.date_planned <= %s OR l.id IS NOT NULL)
                 GROUP BY i.id
                """,
                self.company_id, last,
            )
            rows = env.execute_query(query)
            lines = env.execute_query(SQL(
                """
                SELECT count(*), count(DISTINCT clm_installment_id), count(DISTINCT move_id)
                  FROM account_move_line WHERE company_id = %s AND display_type = 'product'
                """, self.company_id,
            ))[0]
            moves = env["account.move"].search_count([("company_id", "=", self.company_id)])
        sums = {}
        for contract_id, planned, state, line_id, line_ids, amount, misdated in rows:
            if contract_id in without and planned == last:
                self.assertEqual((state in ("planned", "due"), line_ids), (True, [None]))
                continue
            self.assertEqual((state, line_ids, misdated), ("invoiced", [line_id], False))
            sums[contract_id] = sums.get(contract_id, 0) + amount
        self.assertEqual(sums, {
            contract_id: self._price(contract_id) * (months - (contract_id in without))
            for contract_id in self.contract_ids if months > (contract_id in without)
        })
        billed = sum(line_id is not None for _c, _p, _s, line_id, *_rest in rows)
        # no invoice without a row, no row twice
        self.assertEqual(lines, (billed, billed, moves))

    def _invoices_of_customers(self):
        """:return: list of (customer, day) of all invoices, sorted"""
        with self._env() as env:
            return sorted(env.execute_query(SQL(
                "SELECT commercial_partner_id, invoice_date FROM account_move WHERE company_id = %s", self.company_id,
            )))


@tagged("post_install", "-at_install")
class TestBillingAtOnce(CommittedCase):
    """Several processes bill at the same time: each row once, none lost."""

    contract_count = 30
    customer_count = 10

    def test_two_runs_at_once_bill_each_row_once(self):
        for post in (False, True):
            with self.subTest(post=post):
                self._set_up_company(clm_billing_post=post)
                months = 2 if post else 1
                answers = self._bill(*[{"day": month(months - 1), "batch": 2}] * 2)
                self.assertEqual([answer["code"] for answer in answers], [0, 0])
                made = [move for answer in answers for move in answer["moves"]]
                self.assertEqual(len(made), len(set(made)))
                self._bill_one(day=month(months - 1))  # what each left to the other
                self._assert_exact(months)

    def test_four_runs_with_missed_months_bill_each_row_once(self):
        answers = self._bill(*[{"day": month(2), "batch": 3}] * 4)
        self.assertEqual([answer["code"] for answer in answers], [0] * 4)
        self._bill_one(day=month(2))
        self._assert_exact(3)

    def test_users_and_run_at_once_bill_each_row_once(self):
        asked = self.contract_ids[:3]
        answers = self._bill(
            {"day": month(0), "batch": 2}, *({"day": "", "bill_now": [contract_id]} for contract_id in asked),
            {"day": "", "bill_now": asked},
        )
        self.assertEqual([answer["code"] for answer in answers], [0] * 5)
        self._bill_one(day=month(0))
        self._assert_exact(1)

    def test_customers_with_one_invoice_get_one_whoever_bills(self):
        self._set_up_company(clm_billing_grouping="customer")
        answers = self._bill(*[{"day": month(1), "batch": 2}] * 3)
        self.assertEqual([answer["code"] for answer in answers], [0] * 3)
        self._bill_one(day=month(1))  # customers whose contracts two of them held are left for later
        self._assert_exact(2)
        self.assertEqual(self._invoices_of_customers(), sorted(
            (partner_id, date.fromisoformat(month(number))) for partner_id in self.partner_ids for number in range(2)
        ))


@tagged("post_install", "-at_install")
class TestBillingHeld(CommittedCase):
    """What another transaction works on is left to it."""

    def test_contract_that_somebody_holds_is_left_to_them_and_billed_next_time(self):
        held = self.contract_ids[7]
        with Registry(get_db_name()).cursor() as cr:
            cr.execute(SQL("SELECT id FROM clm_contract WHERE id = %s FOR UPDATE", held))
            answer = self._bill_one(day=month(0))
            self.assertEqual(len(answer["moves"]), self.contract_count - 1)
            self._assert_exact(1, without=[held])
        self.assertEqual(len(self._bill_one(day=month(0))["moves"]), 1)
        self._assert_exact(1)

    def test_user_who_reads_before_the_run_commits_bills_nothing_twice(self):
        """The locks are free by then, and the reading is old: PostgreSQL refuses, and the second try sees it."""
        with self._env() as env:
            contracts = env["clm.contract"].browse(self.contract_ids[:2])
            engine = env["clm.billing.engine"]
            self.assertTrue(contracts.mapped("state"))  # the transaction reads what is committed up to here
            self._bill_one(day=month(0))
            # an error that is expected is logged nevertheless
            with self.assertLogs("odoo.sql_db", "ERROR"), self.assertRaises(PG_CONCURRENCY_EXCEPTIONS_TO_RETRY):
                engine._run(contracts, START)
            env.cr.rollback()
            self.assertFalse(engine._run(contracts, START))
        self._assert_exact(1)

    def test_customer_is_left_alone_while_somebody_holds_one_contract(self):
        self._set_up_company(clm_billing_grouping="customer")
        with Registry(get_db_name()).cursor() as cr:
            cr.execute(SQL("SELECT id FROM clm_contract WHERE id = %s FOR UPDATE", self.contract_ids[0]))
            self._bill_one(day=month(0))
        self._assert_exact(1, without=self.contract_ids[::self.customer_count])
        self._bill_one(day=month(0))
        self._assert_exact(1)
        self.assertEqual(len(self._invoices_of_customers()), self.customer_count)


    def test_customer_is_left_alone_while_a_schedule_cannot_be_extended(self):
        """The rows to bill are made by the run itself; one contract has none yet, as somebody holds it."""
        self._set_up_company(clm_billing_grouping="customer", clm_billing_horizon=1)
        self._bill_one(day=month(0))
        with self._env() as env:
            env.cr.execute(SQL(
                "DELETE FROM clm_installment WHERE company_id = %s AND period_start > %s", self.company_id, START,
            ))
        with Registry(get_db_name()).cursor() as cr:
            cr.execute(SQL("SELECT id FROM clm_contract WHERE id = %s FOR UPDATE", self.contract_ids[0]))
            self._bill_one(day=month(3))
        self._bill_one(day=month(3))
        self._assert_exact(4)
        self.assertEqual(len(self._invoices_of_customers()), 4 * self.customer_count)


@tagged("post_install", "-at_install")
class TestBillingKilled(CommittedCase):
    """A run that is killed between any two statements: the next one bills what is left, nothing twice."""

    contract_count = 8

    def test_run_that_is_killed_loses_nothing_and_bills_nothing_twice(self):
        self._set_up_company(clm_billing_post=True)
        total = self._bill_one(day=month(0))["statements"]
        self._assert_exact(1)
        self.assertGreater(total, 50)
        chance = random.Random(total)
        places = iter(self._places(total, chance))
        months, killed, until = 1, 0, time.monotonic() + KILL_SECONDS
        while time.monotonic() < until and (place := next(places, None)):
            with self.subTest(statement=place, of=total, month=months):
                answer, = self._bill({"day": month(months), "kill": place})
                self.assertIn(answer["code"], (0, -signal.SIGKILL))
                killed += answer["code"] == -signal.SIGKILL
                self._bill_one(day=month(months))
                months += 1
                self._assert_exact(months)
        self.assertGreater(killed, 15)

    def _places(self, total, chance):
        """:return: list of all statements; those at the front are spread over the whole run"""
        places, left = [], list(range(1, total))
        for width in (total // 20, total // 60):
            spread = [chance.choice(left[first:first + width]) for first in range(0, len(left), width)]
            chance.shuffle(spread)
            places += spread
            left = [place for place in left if place not in spread]
        chance.shuffle(left)
        return places + left
