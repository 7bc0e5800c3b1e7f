from odoo.tests import HttpCase, tagged

from .contract_common import PNG, ContractCase


@tagged("post_install", "-at_install")
class TestContractStory(ContractCase, HttpCase):
    """The whole life of a contract: the customer's part in a browser, ours by the buttons of the form."""

    def _create_story(self, **vals):
        kind = self._create_type(steps=[{"name": "Legal"}], obligation_ids=[(0, 0, {
            "name": "Name a contact", "side": "them", "offset_count": 7, "offset_unit": "day",
        })])
        return self._create_contract(type_id=kind.id, title="Story", **vals)

    def _tour(self, name, contract=None):
        self.env.flush_all()
        url = f"/my/contracts/{contract.id}" if contract else "/my"
        self.start_tour(url, name, login=self.portal.login)
        self.env.invalidate_all()

    def test_from_draft_to_renewal(self):
        contract = self._create_story()
        contract.action_negotiate()

        self._tour("clm_portal_propose")
        theirs = contract.version_ids.sorted("number")[-1]
        self.assertRecordValues(theirs, [{
            "side": "them", "author_name": self.portal.name, "note": "Our insurance asks for it",
        }])
        self.assertEqual((contract.state, contract.pen), ("negotiation", "us"))
        self.assertIn("When do we start?", str(contract.message_ids.mapped("body")))

        theirs.action_take_over()
        contract.action_request_approval()
        with self._refuse("not approved yet"):
            contract.action_send()
        contract.with_user(self.approver).action_approve("Fine")
        contract.action_send()

        self._tour("clm_portal_sign")
        self.assertEqual((contract.state, contract.pen), ("signature", "us"))
        contract._sign("us", "Ursula Us", PNG)
        self.assertEqual(contract.state, "active")
        self.assertEqual(contract.activated_on, self.today)
        self.assertEqual(contract._verify(), [])

        self._tour("clm_portal_fulfil", contract)
        self.assertEqual(contract.obligation_ids.mapped("state"), ["done"])
        self.assertEqual(contract.claim_ids.mapped("state"), ["escalated"])

        contract.action_renew()
        successor = contract.next_id
        self.assertEqual((successor.date_start - contract.date_end).days, 1)
        self.assertIn("monthly price", str(successor.clause_ids[-1].body))
        self._send(successor)
        self._sign_all(successor)
        self.assertEqual(successor.state, "signed")

        acts = [(row.act, row.name) for row in contract.sudo().audit_ids.sorted("id")]
        for act, name in (
            ("viewed", self.portal.name), ("proposed", self.portal.name), ("commented", self.portal.name),
            ("signed", "Theo Them"), ("confirmed", self.portal.name), ("claimed", self.portal.name),
            ("escalated", self.portal.name), ("signed", "Ursula Us"),
        ):
            with self.subTest(act=act):
                self.assertIn((act, name), acts)
        pens = [(visit.state, visit.pen) for visit in contract.visit_ids.sorted("id")]
        self.assertEqual(pens, [
            ("draft", "us"), ("negotiation", "them"), ("negotiation", "us"), ("approval", "us"),
            ("signature", "them"), ("signature", "us"), ("signed", "us"), ("active", "us"),
        ])

    def test_declined_in_the_portal(self):
        contract = self._create_contract(title="Story")
        self._send(contract)
        self._tour("clm_portal_decline", contract)
        self.assertEqual((contract.state, contract.pen), ("negotiation", "us"))
        self.assertIn("Too expensive", str(contract.message_ids.mapped("body")))
