import calendar
import random
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from ..tools import mrr
from .billing_common import BillingCase
from .test_contract_states_laws import UndoneError

SEEDS = range(8)
STEPS = 12
STARTS = ("2024-01-29", "2024-01-30", "2024-01-31", "2024-02-29", "2023-12-01", "2024-03-15")
PRICES = (100.0, 99.99, 33.33, 0.05, 1234.57, -10.0, 0.0)
ACTS = (
    "skip", "amend_price", "amend_quantity", "amend_remove", "amend_add", "amend_end", "pause", "resume", "terminate",
    "withdraw", "renew", "delete", "cancel", "credit", "bill_again", "confirm", "refuse", "post",
)
# possible only after others, so blind chance would hardly ever reach them
FOLLOW_UPS = ("resume", "withdraw", "confirm", "refuse", "bill_again")
IN_FORCE = ("signed", "active", "closed")


class Oracle:
    """Which days a line is served and which periods they are in: day by day, without the tools of the addon."""

    def __init__(self, line):
        contract = line.contract_id
        self.line = line
        self.start = max(filter(None, (line.date_start, contract.date_start)))
        known_end = contract.closed_on if contract.state == "closed" else contract.date_end
        self.end = min(filter(None, (line.date_end, known_end)), default=None)
        self.pauses = [(pause.date_from, pause.date_to or date.max) for pause in contract.suspension_ids]

    def is_served(self, day):
        return (
            self.start <= day and (not self.end or day <= self.end)
            and not any(first <= day <= last for first, last in self.pauses)
        )

    def served(self, until):
        """:return: set of the days up to one"""
        days = ((self.start + timedelta(days=count)) for count in range((until - self.start).days + 1))
        return {day for day in days if self.is_served(day)}

    def period_start(self, number):
        anchor, count = self.line.anchor_date, number * self.line.recurrence_interval
        if self.line.recurrence_unit in ("day", "week"):
            return anchor + timedelta(days=count * {"day": 1, "week": 7}[self.line.recurrence_unit])
        months = count * {"month": 1, "year": 12}[self.line.recurrence_unit]
        year, month = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
        return date(year, month + 1, min(anchor.day, calendar.monthrange(year, month + 1)[1]))

    def periods(self, until):
        """:return: list of the days of each period that begins in the life of the line, or holds its first day"""
        number = 0
        while self.period_start(number) > self.start:
            number -= 1
        while self.period_start(number + 1) <= self.start:
            number += 1
        found = []
        while (first := self.period_start(number)) <= until:
            number += 1
            found.append(days_between(first, self.period_start(number) - timedelta(days=1)))
        return found


def days_between(first, last):
    return [first + timedelta(days=count) for count in range((last - first).days + 1)]


@tagged("post_install", "-at_install")
class TestBillingLaws(BillingCase):
    """Whatever happens to contracts, in whatever order: no day is charged twice or forgotten, and revenue adds up."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.types = [
            cls._create_type(clauses=cls.env["clm.clause"], name=policy, signature_required="none",
                             renewal_policy=policy, renewal_limit=1)
            for policy in ("auto", "manual", "evergreen")
        ]

    # === HISTORIES === #

    def _create_random(self, chance):
        """:return: a contract in force of one to three lines"""
        start = chance.choice(STARTS)
        lines = []
        for _number in range(chance.randint(1, 3)):
            unit = chance.choice(("month", "month", "month", "year", "week", "day", "once"))
            lines.append({
                "price_unit": chance.choice(PRICES), "quantity": chance.choice((1, 1, 3)),
                "discount": chance.choice((0, 0, 7)), "recurrence_unit": unit,
                "recurrence_interval": {"day": 10, "year": 1}.get(unit) or chance.choice((1, 1, 3)),
                "billing": chance.choice(("advance", "arrears")),
                "date_start": chance.choice((False, False, date.fromisoformat(start) + timedelta(days=17))),
                "date_end": chance.choice((False, False, False, date.fromisoformat(start) + timedelta(days=100))),
            })
        return self._create_billed(
            start, lines, type_id=chance.choice(self.types).id, term_months=chance.choice((0, 3, 6)),
        )

    def _pick(self, chance, records):
        if not records:
            raise UserError("nothing there")  # pylint: disable=translation-required
        return records[chance.randrange(len(records))]

    def _do(self, chance, contract, act):
        """Do one act to one contract of the customer."""
        today = contract._today()
        rows = contract.installment_ids.sorted("id")
        moves = rows.move_id.filtered(lambda move: move.move_type == "out_invoice").sorted("id")
        if act == "skip":
            self._pick(chance, rows.filtered(
                lambda row: row.state in ("planned", "due") and row.kind == "charge"
            )[:5]).action_skip("Goodwill")
        elif act.startswith("amend"):
            self._do_amend(chance, contract, act, today + timedelta(days=chance.randint(-50, 40)))
        elif act == "pause":
            first = today + timedelta(days=chance.randint(-40, 20))
            last = chance.choice((False, first + timedelta(days=chance.randint(0, 45))))
            contract._suspend("Holiday", first, last, extend_end=chance.random() < 0.3)
        elif act == "resume":
            contract.action_resume()
        elif act == "terminate":
            contract.action_terminate(self.reason, today + timedelta(days=chance.randint(-45, 60)), agreed=True)
        elif act == "withdraw":
            contract.action_withdraw_termination()
        elif act == "renew":
            contract.action_renew(uplift=chance.choice((0, 5)))
            contract.next_id.action_activate()
        elif act == "bill_again":
            self._pick(chance, rows.filtered(lambda row: row.state in ("credited", "skipped"))).action_bill_again()
        elif act in ("confirm", "refuse"):
            row = self._pick(chance, rows.filtered("to_confirm"))
            row.action_confirm_credit() if act == "confirm" else row.action_skip("Kept")
        else:
            self._do_invoice(chance, moves, act)

    def _do_amend(self, chance, contract, act, day):
        amendment = contract._amend(day, end=day + timedelta(days=70) if act == "amend_end" else None, reason="Change")
        line = self._pick(chance, amendment.line_ids.sorted("sequence")) if act != "amend_add" else None
        if act == "amend_price":
            line.price_unit += 7.77
        elif act == "amend_quantity":
            line.quantity += 2
        elif act == "amend_remove":
            line.unlink()
        elif act == "amend_add":
            amendment.line_ids = [Command.create(self._prepare_line(recurrence_unit="month", price_unit=20.01))]
        amendment.action_activate()

    def _do_invoice(self, chance, moves, act):
        if act == "delete":
            self._pick(chance, moves.filtered(lambda move: move.state == "draft")).unlink()
        elif act == "post":
            self._pick(chance, moves.filtered(lambda move: move.state == "draft")).action_post()
        elif act == "cancel":
            move = self._pick(chance, moves.filtered(lambda move: move.state != "cancel"))
            if move.state == "posted":
                move.button_draft()
            move.button_cancel()
        elif act == "credit":
            move = self._pick(chance, moves.filtered(lambda move: move.state != "cancel"))
            if move.state == "draft":
                move.action_post()
            if move.payment_state == "reversed":
                raise UserError("credited already")  # pylint: disable=translation-required
            self._credit(move)

    # === LAWS === #

    def _lines(self):
        """:return: lines of the contracts that bill"""
        contracts = self.contracts.search([("partner_id", "=", self.partner.id), ("state", "in", IN_FORCE)])
        return contracts.filtered(lambda contract: not contract.amends_id).line_ids

    def _check_days(self, today, complete):
        """:param bool complete: whether what is due was just billed"""
        for line in self._lines():
            rows = self.env["clm.installment"].search([("line_id", "=", line.id)])
            oracle = Oracle(line)
            if line.recurrence_unit == "once":
                self._check_once(oracle, rows)
                continue
            self._check_charged_once(oracle, rows, today)
            self._check_sums(oracle, rows)
            if complete:
                self._check_complete(oracle, rows, today)

    def _count(self, rows, kinds):
        """:return: dict of day -> how many rows; each row given with 1 or -1"""
        counts = Counter()
        for row in rows:
            for day in days_between(row.period_start, row.period_end):
                counts[day] += kinds(row)
        return counts

    def _check_once(self, oracle, rows):
        charges = rows.filtered(lambda row: row.kind == "charge")
        credits_ = rows.filtered(lambda row: row.kind == "credit" and row.state not in ("skipped", "credited"))
        self.assertIn(len(charges) - len(credits_), (0, 1), rows.mapped("state"))
        if not oracle.end or oracle.end >= oracle.start:
            self.assertEqual(len(charges) - len(credits_), 1)

    def _check_charged_once(self, oracle, rows, today):
        """A day is charged once less what is credited of it, and so is every served day of the schedule."""
        net = self._count(rows, lambda row: (
            1 if row.kind == "charge" else -(row.state not in ("skipped", "credited"))
        ))
        self.assertFalse(sorted(day for day, count in net.items() if count not in (0, 1)))
        billed = self._count(
            rows.filtered(lambda row: row.state == "invoiced"), lambda row: 1 if row.kind == "charge" else -1
        )
        self.assertLessEqual(max(billed.values(), default=0), 1)
        served = oracle.served(today + timedelta(days=300))
        if self.company.clm_billing_proration == "none":
            for period in oracle.periods(today):
                by_another = oracle.line.replaces_id and period[0] < oracle.start  # the line that this one goes on with
                if not by_another and not served.isdisjoint(period):
                    self.assertTrue(any(net[day] for day in period), period)
            return
        self._assert_no_days(day for day in served if net[day] != 1)
        settled = self._count(rows.filtered(
            lambda row: row.state in ("skipped", "credited") or (row.kind == "charge" and not row.amount)
        ), lambda row: 1)
        self._assert_no_days(
            day for day, count in net.items() if count == 1 and not oracle.is_served(day) and not settled[day]
        )

    def _assert_no_days(self, days):
        days = set(days)
        if self.company.clm_billing_proration == "days30":  # the 31st day of a month is free, and has no row by itself
            one = timedelta(days=1)
            days = {day for day in days if day - one in days or day + one in days}
        self.assertFalse(sorted(days))

    def _check_sums(self, oracle, rows):
        """What a period costs is its price, to the cent; a broken one its days."""
        if self.company.clm_billing_proration != "days" or not rows:
            return
        price = Decimal(str(oracle.line.price_subtotal))
        for period in oracle.periods(max(rows.mapped("period_end"))):
            first, last = period[0], period[-1]
            own = rows.filtered(lambda row, a=first, z=last: row.period_start >= a and row.period_end <= z)
            if not own or any(row.state in ("skipped", "credited") for row in own):
                continue
            charged = sum((Decimal(str(row.amount)) for row in own), Decimal(0))
            share = Decimal(sum(oracle.is_served(day) for day in period)) / len(period)
            if share == 1:
                self.assertEqual(charged, price)
            else:
                self.assertLessEqual(abs(charged - price * share), Decimal("0.011") * len(own))

    def _check_complete(self, oracle, rows, today):
        """What is due is billed, or settled on request: nothing is forgotten."""
        done = self._count(rows.filtered(lambda row: row.state not in ("planned", "due")), lambda row: (
            1 if row.kind == "charge" else -(row.state not in ("skipped", "credited"))
        ))
        served = oracle.served(today)
        due = set()
        for period in oracle.periods(today):
            if oracle.line.billing == "advance" or period[-1] < today:
                due |= served.intersection(period)
        if oracle.line.contract_id.state == "signed":
            due = set()
        if self.company.clm_billing_proration != "none":
            self._assert_no_days(day for day in due if done[day] != 1)
        late = rows.filtered(
            lambda row: row.state in ("planned", "due") and row.date_planned <= today and not row.to_confirm
        )
        self.assertFalse(late if oracle.line.contract_id.state != "signed" else None)

    def _check_invoices(self):
        """Rows and invoice lines say the same; each line bills its own row."""
        rows = self.env["clm.installment"].search([("partner_id", "=", self.partner.id)])
        for row in rows:
            if row.state == "invoiced":
                sign = -1 if row.move_line_id.move_type == "out_refund" else 1
                self.assertEqual(row.currency_id.compare_amounts(sign * row.move_line_id.price_subtotal, row.amount), 0)
                self.assertNotEqual(row.move_line_id.parent_state, "cancel")
            else:
                self.assertFalse(row.move_line_id)
            lines = row.move_line_ids.filtered(lambda line: line.parent_state != "cancel")
            taken_back = lines.filtered("move_id.reversed_entry_id")
            self.assertIn(len(lines - taken_back) - len(taken_back), (0, 1))

    def _movements(self):
        rows = self.env["clm.mrr.movement"].search([("partner_id", "=", self.partner.id)])
        return sorted((row.date, row.contract_id.id, row.kind, row.amount, row.value) for row in rows)

    def _check_revenue(self, chance, today):
        days = [today + timedelta(days=count) for count in (-200, -31, -1, 0, 1, 45, 200)]
        days += [day + timedelta(days=1) for line in self._lines() for day in (line.date_end, line.contract_id.date_end)
                 if day]
        self.assertEqual(self.contracts._mrr_gaps(self.company, days), [])
        stored = self._movements()
        self.env["clm.mrr.movement"].search([("partner_id", "=", self.partner.id)]).unlink()
        self._lines().contract_id._mrr_changed()
        self.assertEqual(self._movements(), stored)
        first = today - timedelta(days=chance.randint(0, 120))
        flow = mrr.waterfall(
            [mrr.Movement(day, contract, kind, Decimal(str(amount)), Decimal(str(value)), "")
             for day, contract, kind, amount, value in stored], first, today,
        )
        self.assertEqual(flow.opening + sum(flow[1:-1]), flow.closing)
        balance = sum(self.env["clm.mrr.movement"]._balances(today, self.company).values())
        self.assertAlmostEqual(float(flow.closing), balance, 2)

    def _snapshot(self):
        rows = self.env["clm.installment"].search([("partner_id", "=", self.partner.id)])
        return sorted(
            (row.id, row.state, row.period_start, row.period_end, row.date_planned, row.amount, row.to_confirm)
            for row in rows
        )

    def _check_quiet(self):
        """Asking again changes nothing."""
        self._lines().contract_id._sync_schedule()  # the horizon moves on day by day
        before = self._snapshot()
        self.assertFalse(self._run())
        self._lines().contract_id._sync_schedule()
        self.assertEqual(self._snapshot(), before)

    # === TEST === #

    def _run_example(self, seed, story):
        """:param list story: filled with what was done, to be read when it fails
        :return: set of the acts that were done
        """
        chance = random.Random(seed)
        self.company.clm_billing_proration = ("days", "days", "days30", "none")[seed % 4]
        self.company.clm_billing_grouping = chance.choice(("contract", "customer"))
        self.company.clm_billing_post = chance.random() < 0.5
        today, done = date(2024, 3, 20), set()
        with self.at(today):
            contract = self._create_random(chance)
        for _step in range(STEPS):
            passes = chance.random() < 0.35
            today += timedelta(days=chance.choice((1, 14, 31, 60))) if passes else timedelta()
            with self.at(today):
                if passes:
                    act = "time"
                    self.contracts._cron_daily()
                    self._run()
                    self._check_quiet()
                else:
                    acts = chance.sample(ACTS, 6)
                    if chance.random() < 0.4:
                        acts = chance.sample(FOLLOW_UPS, len(FOLLOW_UPS)) + acts
                    act = next((act for act in acts if self._try(chance, contract, act)), "none")
                story.append((str(today), act))
                done.add(act)
                self._check_days(today, complete=passes)
                self._check_invoices()
                self._check_revenue(chance, today)
                self.assertFalse(self._lines().contract_id.filtered("cron_error").mapped("cron_error"))
        return done

    def _try(self, chance, contract, act):
        """:return: whether the act was allowed"""
        contract = self._pick(chance, self._lines().contract_id | contract)
        try:
            with self.env.cr.savepoint():
                self._do(chance, contract, act)
                self.env.flush_all()
        except UserError:
            self.env.invalidate_all(flush=False)
            return False
        return True

    def test_no_history_charges_a_day_twice_or_forgets_one(self):
        done = set()
        for seed in SEEDS:
            story = []
            with self.subTest(seed=seed, story=story):
                try:
                    with self.env.cr.savepoint():
                        done |= self._run_example(seed, story)
                        raise UndoneError
                except UndoneError:
                    self.env.invalidate_all(flush=False)
        # the acts did something: otherwise the laws would hold for nothing
        self.assertLessEqual(len({"time", *ACTS} - done), 2, {"time", *ACTS} - done)


@tagged("post_install", "-at_install")
class TestBillingHistories(BillingCase):
    """Histories that broke a law once."""

    def _end(self, contract, day):
        contract.action_terminate(self.reason, day, agreed=True)
        return self._rows(contract, "planned")

    def test_period_that_was_credited_by_hand_and_billed_again_is_credited_when_it_is_not_served(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-02-01")
            self._run().action_post()
            march = contract.installment_ids.filtered(lambda row: str(row.period_start) == "2026-03-01")
            self._credit(march.move_id)
            march.action_bill_again()
            self._run().action_post()
            self.assertEqual(self._end(contract, "2026-02-28"), [("2026-03-01", "2026-03-31", "2026-03-01", -100.0)])

    def test_credit_by_hand_and_granted_credit_never_give_back_more_than_was_charged(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-03-01")
            move = self._run()
            move.action_post()
            contract._suspend("Holiday", date(2026, 3, 20), date(2026, 3, 31))
            contract.installment_ids.filtered("to_confirm").action_confirm_credit()
            granted = self._run(day="2026-03-20")
            granted.action_post()
            refund = self._credit(move)
            refund.button_draft()
            refund.invoice_line_ids.price_unit = 50.0
            refund.action_post()
            self.assertEqual(granted.amount_untaxed, 38.71)
            rows = self._end(contract, "2026-02-28")
            self.assertEqual([row[3] for row in rows], [-11.29])  # 100 less 38.71 less 50
