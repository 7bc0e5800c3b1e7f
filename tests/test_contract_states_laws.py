import random
from datetime import timedelta
from itertools import pairwise

from odoo import fields
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import freeze_time, tagged

from ..tools.transitions import EDITABLE, MOVES, OPEN, STATES
from .contract_common import PDF, PNG, ContractCase

USERS = ("user", "mate", "stranger", "viewer", "approver", "manager")
BUTTONS = (
    "negotiate", "withdraw", "request_approval", "approve", "recall", "send", "take_back", "cancel", "reset",
    "activate", "save_version", "decide_renew", "decide_end", "decide_later", "renew", "resume", "withdraw_termination",
    "verify",
)
OTHER_ACTS = (
    "reject", "delegate", "edit_text", "edit_price", "edit_start", "edit_owner", "propose", "take_over", "sign_them",
    "sign_us", "decline", "paper", "terminate", "amend", "suspend", "cron", "time", "delete",
)
# what usually follows: chosen half of the time, as blind chance would hardly ever reach the end
USUAL = {
    "draft": (("user", "negotiate"), ("user", "request_approval"), ("user", "send"), ("user", "activate")),
    "negotiation": (
        ("user", "propose"), ("user", "take_over"), ("user", "request_approval"), ("user", "send"),
        ("user", "activate"),
    ),
    "approval": (
        ("approver", "approve"), ("approver", "approve"), ("approver", "reject"), ("user", "send"),
        ("user", "activate"),
    ),
    "signature": (("user", "sign_them"), ("user", "sign_us"), ("user", "sign_us"), ("user", "decline")),
    "signed": (("user", "time"), ("user", "cron"), ("user", "terminate")),
    "active": (("user", "time"), ("user", "cron"), ("user", "terminate"), ("user", "amend"), ("user", "suspend")),
    "closed": (("user", "time"),),
    "cancelled": (("user", "reset"),),
}
SEEDS = 30
STEPS = 40
EDGES = {(move.source, move.target) for move in MOVES}


class UndoneError(Exception):
    """Ends the savepoint of an example."""


@tagged("post_install", "-at_install")
class TestContractStatesLaws(ContractCase):
    """Whatever is clicked, by whomever, in whatever order: the contract stays one that its table knows."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.reason = cls.env["clm.close.reason"].create({"name": "Moved"})
        cls.types = cls._create_type() | cls._create_type(
            steps=[{"name": "Sales", "sequence": 1}, {"name": "Legal", "sequence": 2, "nonstandard_only": True}],
            renewal_policy="auto", term_months=2,
        ) | cls._create_type(signature_required="none", renewal_policy="evergreen")

    # === ACTS === #

    def _do(self, contract, act):
        """Do one act as the user of the contract's environment. Acts of the other side come through the portal."""
        portal = contract.sudo()
        if act in BUTTONS:
            getattr(contract, f"action_{act}")()
        elif act == "reject":
            contract.action_reject("Not like this")
        elif act == "delegate":
            contract._delegate(self.manager)
        elif act == "edit_text":
            clause = contract.clause_ids[2]
            clause.body = f"{clause.body}<p>More.</p>"
        elif act == "edit_price":
            contract.line_ids[0].price_unit += 1
        elif act == "edit_start":
            contract.date_start += timedelta(days=20)
        elif act == "edit_owner":
            contract.user_id = self.mate if contract.user_id == self.user else self.user
        elif act == "propose":
            clauses = contract._shared_version().clauses or [{"id": 0}]
            portal._propose({clauses[0]["id"]: f"<p>{len(contract.version_ids)}</p>"})
        elif act == "take_over":
            for version in contract.version_ids.filtered(lambda version: version.side == "them")[:1]:
                version.action_take_over()
        elif act in ("sign_them", "sign_us"):
            side = act.removeprefix("sign_")
            (portal if side == "them" else contract)._sign(side, "Some One", PNG)
        elif act == "decline":
            portal._decline("Too dear")
        elif act == "paper":
            contract._sign_on_paper("scan.pdf", PDF, "Ursula", "Theo", contract._today())
        elif act == "terminate":
            contract.action_terminate(self.reason.id, contract._today(), agreed=True)
        elif act == "amend":
            contract._amend(contract._today())
        elif act == "suspend":
            contract._suspend("Holiday", contract._today(), contract._today() + timedelta(days=3))
        elif act == "cron":
            contract.env["clm.contract"].sudo()._cron_daily()
        elif act == "delete":
            contract.unlink()

    # === LAWS === #

    def _check_path(self, contract):
        visits = contract.visit_ids.sorted("number")
        self.assertEqual(visits.mapped("number"), list(range(1, len(visits) + 1)))
        self.assertEqual(visits[0].state, "draft")
        for before, after in pairwise(visits):
            self.assertEqual(before.exited_at, after.entered_at)
            self.assertGreaterEqual(before.exited_at, before.entered_at)
            if before.state == after.state:
                self.assertNotEqual(before.pen, after.pen)
            else:
                self.assertIn((before.state, after.state), EDGES)
        self.assertEqual(visits.filtered(lambda visit: not visit.exited_at), visits[-1])
        self.assertEqual((visits[-1].state, visits[-1].pen), (contract.state, contract.pen))

    def _check_records(self, contract):
        self.assertIn(contract.state, STATES)
        versions = contract.version_ids.sorted("number")
        self.assertEqual(versions.mapped("number"), list(range(1, len(versions) + 1)))
        self.assertTrue(all(version._is_genuine() for version in versions))
        waiting = contract.approval_ids.filtered(lambda approval: approval.state in ("waiting", "pending"))
        if contract.state != "approval":
            self.assertFalse(waiting)
        self.assertLessEqual(set(waiting.mapped("round")), {contract.approval_round})
        for approval in contract.approval_ids.filtered("decided_by_id"):
            self.assertNotIn(approval.decided_by_id, approval.barred_user_ids)
        valid = contract.signature_ids.filtered("valid")
        self.assertEqual(len(valid), len(set(valid.mapped("side"))))
        if valid and contract.state in OPEN:
            self.assertEqual(contract.state, "signature")

    def _check_agreed(self, contract):
        """What is out for signature, signed or in force was approved, and is the text that both sides see."""
        if contract.state in EDITABLE or contract.state == "cancelled":
            return
        if contract.state == "signature":
            self.assertTrue(contract._is_approved())
        signed = contract.signature_ids.filtered("valid").version_id
        self.assertLessEqual(len(signed), 1)
        if contract.state != "signature" and contract.signature_required != "none" and contract.activated_on:
            self.assertEqual(contract._sides_to_sign(), [])
            self.assertEqual(contract._verify(), [])

    def _choose(self, chance, state):
        """:return: pair: who acts, and what they do"""
        if chance.random() < 0.5:
            return chance.choice(USUAL[state])
        return chance.choice(USERS), chance.choice(BUTTONS + OTHER_ACTS)

    def _run_example(self, seed, story):
        """:param list story: filled with what was done, to be read when it fails
        :return: set of the moves that were made, as pairs of states
        """
        chance = random.Random(seed)
        contract = self._create_contract(type_id=self.types[seed % 3].id).sudo()
        activated, days = False, 0
        for __ in range(STEPS):
            state = contract.state
            login, act = self._choose(chance, state)
            story.append((login, act))
            if act == "time":
                days += 25
                continue
            with freeze_time(fields.Datetime.now() + timedelta(days=days)):
                try:
                    with self.env.cr.savepoint():
                        self._do(contract.with_user(getattr(self, login)), act)
                        self.env.flush_all()
                except UserError:
                    self.env.invalidate_all(flush=False)
                    self.assertEqual(contract.state, state)
                if not contract.exists():
                    break
                self._check_path(contract)
                self._check_records(contract)
                self._check_agreed(contract)
                if activated:
                    self.assertEqual(contract.activated_on, activated)
                activated = contract.activated_on
        return {
            (before.state, after.state) for before, after in pairwise(contract.exists().visit_ids.sorted("number"))
        }

    def test_no_sequence_of_acts_breaks_a_law(self):
        made = set()
        for seed in range(SEEDS):
            story = []
            with self.subTest(seed=seed, story=story):
                try:
                    with self.env.cr.savepoint():
                        made |= self._run_example(seed, story)
                        raise UndoneError
                except UndoneError:
                    self.env.invalidate_all(flush=False)
        # the acts did something: otherwise the laws would hold for nothing
        self.assertLessEqual(len(EDGES - made), 5, EDGES - made)

    def test_usual_ways_reach_the_end(self):
        """The acts above do something: otherwise the laws would hold for nothing."""
        contract = self._create_contract(type_id=self.types[1].id, line_ids=[Command.create(self._prepare_line())])
        for login, act in (
            ("user", "negotiate"), ("user", "propose"), ("user", "take_over"), ("user", "request_approval"),
            ("approver", "approve"), ("approver", "delegate"), ("manager", "approve"), ("user", "send"),
            ("user", "decline"), ("user", "send"), ("user", "sign_them"), ("user", "sign_us"), ("user", "terminate"),
        ):
            self._do(contract.with_user(getattr(self, login)), act)
        self.assertEqual(contract.state, "closed")
