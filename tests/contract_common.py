import base64
import io
from contextlib import contextmanager

from PIL import Image

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import new_test_user

from .common import ClmCase


def image(fmt="PNG", size=(200, 60)):
    """:return: base64 of a white image, as a browser sends a drawn signature"""
    buffer = io.BytesIO()
    Image.new("RGB", size, "white").save(buffer, fmt)
    return base64.b64encode(buffer.getvalue()).decode()


PNG = image()
PDF = b"%PDF-1.4 printed for a test"


class ContractCase(ClmCase):
    """Builders of contracts and a user per role.

    Contracts are made by, belong to and are returned as ``cls.user``, whose team has ``cls.mate`` as well; ``stranger``
    is a user of another team. ``portal`` is a contact of ``cls.partner``; ``portal_other`` of another customer.
    The signed PDF is not really printed, unless a class sets ``real_pdf``.
    """

    real_pdf = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.viewer = cls._create_user("c-viewer", "clm.group_viewer")
        cls.user = cls._create_user("c-user", "clm.group_user")
        cls.mate = cls._create_user("c-mate", "clm.group_user")
        cls.stranger = cls._create_user("c-stranger", "clm.group_user")
        cls.approver = cls._create_user("c-approver", "clm.group_approver")
        cls.manager = cls._create_user("c-manager", "clm.group_manager")
        cls.internal = cls._create_user("c-internal")
        cls.team, cls.other_team = cls.env["crm.team"].create([
            {"name": "North", "member_ids": [Command.set((cls.user | cls.mate).ids)]},
            {"name": "South", "member_ids": [Command.set(cls.stranger.ids)]},
        ])
        cls.partner, cls.other_partner = cls.env["res.partner"].create([
            {"name": "Azure Interior", "is_company": True, "email": "azure@example.com", "city": "Lyon"},
            {"name": "Deco Addict", "is_company": True, "email": "deco@example.com"},
        ])
        cls.portal = cls._create_portal_user("c-portal", cls.partner)
        cls.portal_other = cls._create_portal_user("c-portal-other", cls.other_partner)
        cls.clauses = cls.env["clm.clause"].create([
            {"name": "Parties", "body": "<p>Between {{ company_name }} and {{ partner_name }}.</p>", "risk_weight": 2},
            {"name": "Price", "body": "<p>The total is {{ total_value }}, until {{ date_end }}.</p>", "risk_weight": 5},
            {"name": "Liability", "body": "<p>Liability is limited to the yearly price.</p>", "risk_weight": 10},
        ])
        cls.contract_type = cls._create_type()
        cls.today = cls.env.company._lifecycle_today()

    def setUp(self):
        super().setUp()
        if not self.real_pdf:
            self.patch(
                self.env.registry["ir.actions.report"], "_render_qweb_pdf",
                lambda report, report_ref, res_ids=None, data=None: (PDF, "pdf"),
            )

    # === BUILDERS === #

    @classmethod
    def _create_portal_user(cls, login, company):
        contact = cls.env["res.partner"].create({
            "name": login, "parent_id": company.id, "email": f"{login}@example.com",
        })
        return new_test_user(cls.env, login, groups="base.group_portal", partner_id=contact.id)

    @classmethod
    def _create_type(cls, clauses=None, steps=(), **vals):
        """Create a contract type: a year, notice one month before its end, three clauses, no approvals.

        :param clauses: ``clm.clause`` records; default: ``cls.clauses``
        :param steps: values of approval steps
        """
        clauses = cls.clauses if clauses is None else clauses
        return cls.env["clm.contract.type"].create({
            "name": "Agreement",
            "term_months": 12,
            "notice_count": 1,
            "decide_days": 30,
            "signature_days": 14,
            "clause_ids": [
                Command.create({"sequence": position, "clause_id": clause.id})
                for position, clause in enumerate(clauses, start=1)
            ],
            "approval_ids": [Command.create({"name": "Approval", **step}) for step in steps],
            **vals,
        })

    @classmethod
    def _prepare_line(cls, **vals):
        return {
            "name": "Coffee", "product_id": cls.product.id, "quantity": 1.0, "price_unit": 100.0,
            "tax_ids": [Command.clear()], **vals,
        }

    @classmethod
    def _create_contract(cls, user=None, **vals):
        """Create a draft of one line (100 a month), starting today, with the clauses of its type.

        :param user: who creates, owns and gets it back; default: ``cls.user``
        """
        user = user or cls.user
        return cls.env["clm.contract"].with_user(user).create({
            "type_id": cls.contract_type.id,
            "partner_id": cls.partner.id,
            "line_ids": [Command.create(cls._prepare_line())],
            **vals,
        })

    # === STEPS === #

    def _approve(self, contract):
        """Ask for the approval of a contract, and give it, every step of it."""
        if contract.state != "approval":
            contract.action_request_approval()
        as_approver = contract.with_user(self.approver)
        while as_approver._pending_approvals(self.approver):
            as_approver.action_approve()

    def _send(self, contract):
        """Bring a contract out for signature, approved if it needs that."""
        if not contract._is_approved():
            self._approve(contract)
        contract.action_send()

    def _sign_all(self, contract):
        """Let every side sign whose signature is missing."""
        for side in contract._sides_to_sign():
            contract._sign(side, {"us": "Ursula Us", "them": "Theo Them"}[side], PNG, ip="192.0.2.7", user_agent="Test")

    def _activate(self, contract):
        """Bring a draft all the way: approved, sent and signed; in force if its start has come."""
        if contract.signature_required == "none":
            if not contract._is_approved():
                self._approve(contract)
            contract.action_activate()
            return
        if contract.state != "signature":
            self._send(contract)
        self._sign_all(contract)

    def _create_active(self, **vals):
        """Create a contract in force."""
        contract = self._create_contract(**vals)
        self._activate(contract)
        return contract

    def _share(self, contract):
        """Bring a draft to negotiation, so that the other side sees it."""
        contract.action_negotiate()
        return contract

    @contextmanager
    def _refuse(self, sentence):
        """Context manager: the act must be refused with this sentence (a regular expression), and is undone."""
        with self.assertRaisesRegex(UserError, sentence), self.env.cr.savepoint():
            yield
