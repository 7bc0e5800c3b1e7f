import base64
import re
from datetime import timedelta

from freezegun import freeze_time

from odoo import http
from odoo.exceptions import AccessError, MissingError, UserError
from odoo.fields import Command
from odoo.service.model import get_public_method
from odoo.tests import HttpCase, JsonRpcException, tagged
from odoo.tools import mute_logger

from ..controllers.portal import ContractPortal
from ..models.clm_contract_portal import PORTAL_FIELDS
from ..models.clm_contract_signature import MAX_SIGNATURE_BYTES
from .contract_common import PDF, PNG, ContractCase, image

# what hangs on a contract, and is none of the customer's business but through its page
PARTS = (
    "clm.contract.line", "clm.contract.clause", "clm.contract.version", "clm.contract.approval",
    "clm.contract.signature", "clm.contract.audit", "clm.contract.visit", "clm.contract.suspension",
    "clm.obligation", "clm.claim",
)
LIBRARY = (
    "clm.clause", "clm.contract.type", "clm.contract.type.clause", "clm.contract.type.obligation",
    "clm.contract.approval.step", "clm.close.reason",
)
REFUSAL = "The concluding failed"
# words that stand in what the customer must never see
SECRETS = (
    "SecretNote", "SecretStep", "SecretComment", "SecretMargin", "SecretLog", "SecretDraft", "SecretAnswer",
    "SecretOurs", "SecretReason", "SecretEdit", "SecretError", "Alfred Approver",
)


class PortalCase(ContractCase):
    """A contract of every kind of secret, shared with ``cls.portal``."""

    def _create_secret_contract(self):
        """Create a contract in negotiation that carries each of the SECRETS somewhere."""
        approver = self._create_user("c-secret", "clm.group_approver", name="Alfred Approver")
        kind = self._create_type(steps=[{"name": "SecretStep", "user_ids": [Command.set(approver.ids)]}])
        self.product.standard_price = 4321.0
        contract = self._create_contract(type_id=kind.id, title="Open title", note="<p>SecretNote SecretMargin</p>")
        contract.action_request_approval()
        contract.with_user(approver).action_reject("SecretComment")
        contract._message_log(body="SecretLog")
        contract.message_post(body="SecretLog by hand", message_type="comment", subtype_xmlid="mail.mt_note")
        contract.activity_schedule("clm.mail_activity_contract", summary="SecretReason", user_id=self.user.id)
        contract.sudo()._unlocked().write({"cron_error": "SecretError", "risk": 77})
        self._share(contract)
        self.env["clm.claim"].create({"contract_id": contract.id, "side": "us", "name": "SecretOurs"})
        claim = contract._raise_claim("Late", "Too late", by="Theo")
        claim.sudo().answer = "<p>SecretAnswer</p>"
        contract.clause_ids[0].body = "<p>SecretDraft</p>"
        contract.line_ids[0].write({"name": "SecretEdit", "price_unit": 4321.0})
        contract.action_save_version()
        return contract

    def _assert_no_secret(self, text):
        for word in (*SECRETS, "4,321", "4321"):
            self.assertNotIn(word, text)

    def _get_clause_texts(self, contract):
        return [str(clause["body"]) for clause in contract.sudo()._portal_values()["clauses"]]


@tagged("post_install", "-at_install")
class TestPortalRights(PortalCase):
    """What a portal user gets by calling methods, without any page."""

    def test_contracts_of_others_and_unshared_ones_cannot_be_found_or_read(self):
        shared = self._share(self._create_contract())
        unshared = self._create_contract()
        foreign = self._share(self._create_contract(partner_id=self.other_partner.id))
        mine = self.env["clm.contract"].with_user(self.portal)
        self.assertEqual(mine.search([("id", "in", (shared | unshared | foreign).ids)]), shared)
        self.assertEqual(mine.search_count([("id", "in", (unshared | foreign).ids)]), 0)
        self.assertEqual(shared.with_user(self.portal).read(["name"])[0]["name"], shared.name)
        for contract in (unshared, foreign):
            with self.subTest(contract=contract.partner_id.name), self.assertRaises(AccessError):
                contract.with_user(self.portal).read(["name"])

    def test_lines_versions_obligations_claims_and_the_rest_are_closed(self):
        contract = self._create_secret_contract()
        self.assertTrue(contract.version_ids and contract.line_ids and contract.claim_ids and contract.approval_ids)
        for model in (*PARTS, *LIBRARY):
            records = self.env[model].sudo().search([], limit=1) or self.env[model].browse(1)
            for act in (
                lambda model=model: self.env[model].with_user(self.portal).search([]),
                lambda model=model: self.env[model].with_user(self.portal).search_count([]),
                lambda records=records: records.with_user(self.portal).read(["id"]),
                lambda model=model: self.env[model].with_user(self.portal)._read_group([], [], ["__count"]),
            ):
                with self.subTest(model=model), self.assertRaises(AccessError):
                    act()

    def test_only_listed_fields_can_be_read_searched_or_sorted_by(self):
        contract = self._create_secret_contract().with_user(self.portal)
        contract.invalidate_recordset()
        readable = set()
        for name, field in contract._fields.items():
            try:
                contract.read([name])
            except AccessError:
                if field.store:
                    value = field.convert_to_write(contract.sudo()[name], contract)
                    if isinstance(value, str | int | float) and value:
                        with self.subTest(field=name), self.assertRaises(AccessError):
                            contract.search([(name, "=", value)])
                    with self.subTest(field=name), self.assertRaises(AccessError):
                        contract.search([], order=name)
            else:
                readable.add(name)
        self.assertLessEqual(readable, PORTAL_FIELDS)
        self.assertLessEqual({"name", "title", "state", "partner_id"}, readable)
        self.assertLessEqual(set(contract.fields_get()), PORTAL_FIELDS)
        for name in ("risk", "risk_parts", "note", "approval_ids", "line_ids", "tcv", "date_act_by", "decision"):
            self.assertIn(name, contract._fields)
            self.assertNotIn(name, readable)
        self._assert_no_secret(str(contract.read()))

    def test_a_portal_user_writes_creates_and_deletes_nothing(self):
        contract = self._share(self._create_contract()).with_user(self.portal)
        for act in (
            lambda: contract.write({"title": "Mine"}),
            contract.unlink,
            contract.copy,
            lambda: contract.create({"type_id": self.contract_type.id, "partner_id": self.partner.id}),
            lambda: self.env["clm.claim"].with_user(self.portal).create({"contract_id": contract.id, "name": "Mine"}),
        ):
            with self.assertRaises(AccessError):
                act()

    @mute_logger("odoo.models", "odoo.addons.base.models.ir_rule", "odoo.addons.base.models.ir_model")
    def test_none_of_our_buttons_works_for_a_portal_user(self):
        """Every public method whose name says action: refused, or without effect."""
        contract = self._create_secret_contract()
        self.env.flush_all()
        records = [contract, *(self.env[model].sudo().search([], limit=1) for model in PARTS)]
        for record in records:
            names = [name for name in dir(type(record)) if name.startswith("action_")]
            before = self._get_state(contract)
            for name in names:
                get_public_method(record, name)
                with self.subTest(model=record._name, method=name), self.env.cr.savepoint() as savepoint:
                    for args in ((), ("x",)):
                        try:
                            result = getattr(record.with_user(self.portal), name)(*args)
                        except (AccessError, UserError, TypeError, AttributeError, KeyError, AssertionError):
                            result = None
                        self.env.flush_all()
                        self.assertEqual(self._get_state(contract), before)
                        self._assert_no_secret(str(result))
                    savepoint.rollback()

    def _get_state(self, contract):
        contract = contract.sudo()
        contract.invalidate_recordset()
        return (
            contract.state, contract.pen, contract.shared_version_id, len(contract.version_ids),
            contract.approval_ids.mapped("state"), contract.signature_ids, contract.decision,
            contract.claim_ids.mapped("state"), contract.obligation_ids.mapped("state"),
        )

    def test_a_client_cannot_choose_the_version_that_is_shown_and_signed(self):
        contract = self._share(self._create_contract())
        for name in ("shared_version_id", "last_version_id"):
            with self.subTest(field=name), self._refuse("set by its buttons"):
                contract.write({name: False})
        with self._refuse("never changes"):
            contract.version_ids.sudo().write({"shared_at": False})


@tagged("post_install", "-at_install")
class TestPortalValues(PortalCase):
    """What the page shows: the last thing that was shared, or what is in force."""

    def test_what_is_ours_is_not_among_the_values(self):
        self._assert_no_secret(str(self._create_secret_contract().sudo()._portal_values()))

    def test_a_version_of_ours_is_seen_once_it_is_shared_not_before(self):
        contract = self._share(self._create_contract())
        contract.clause_ids[0].body = "<p>Second wording</p>"
        contract.action_save_version()
        self.assertNotIn("Second", self._get_clause_texts(contract)[0])
        self.assertEqual([row["number"] for row in contract.sudo()._portal_values()["versions"]], [1])
        with self.assertRaises(MissingError):
            contract.sudo()._portal_redline(None, contract.version_ids.sorted("number")[-1].id)
        contract.action_negotiate()
        self.assertIn("Second", self._get_clause_texts(contract)[0])
        self.assertEqual([row["number"] for row in contract.sudo()._portal_values()["versions"]], [1, 2])

    def test_the_version_of_an_approval_request_stays_internal_until_it_is_sent(self):
        contract = self._share(self._create_contract())
        contract.clause_ids[0].body = "<p>Second wording</p>"
        contract.action_request_approval()
        self.assertNotIn("Second", self._get_clause_texts(contract)[0])
        self._approve(contract)
        self.assertNotIn("Second", self._get_clause_texts(contract)[0])
        contract.action_send()
        self.assertIn("Second", self._get_clause_texts(contract)[0])

    def test_prices_dates_and_title_edited_after_sharing_are_not_shown(self):
        contract = self._share(self._create_contract(title="Old title"))
        end = contract.date_end
        contract.write({"title": "New title", "date_end": end + timedelta(days=30)})
        contract.line_ids.price_unit = 777.0
        values = contract.sudo()._portal_values()
        self.assertEqual((values["title"], values["date_end"]), ("Old title", end))
        self.assertNotIn("777", str(values))
        contract.action_negotiate()
        values = contract.sudo()._portal_values()
        self.assertEqual((values["title"], values["date_end"]), ("New title", end + timedelta(days=30)))
        self.assertIn("777", values["lines"][0]["amount_text"])

    def test_a_proposal_does_not_carry_our_unshared_prices(self):
        contract = self._share(self._create_contract())
        contract.line_ids.price_unit = 777.0
        clause = contract.clause_ids[2]
        contract.sudo()._portal_propose({str(clause.id): "<p>No limit.</p>"}, "", self.portal.partner_id)
        values = contract.sudo()._portal_values()
        self.assertNotIn("777", str(values))
        self.assertIn("No limit.", values["clauses"][2]["body"])
        self.assertEqual([row["ours"] for row in values["versions"]], [True, False])
        self.assertEqual(values["versions"][1]["author"], self.portal.name)

    def test_a_withdrawn_contract_still_shows_what_was_shared(self):
        contract = self._share(self._create_contract())
        contract.action_withdraw()
        contract.clause_ids[0].body = "<p>SecretDraft</p>"
        contract.line_ids.name = "SecretEdit"
        values = contract.sudo()._portal_values()
        self._assert_no_secret(str(values))
        self.assertEqual(values["state_label"], "Being prepared")

    def test_what_is_signed_is_the_version_that_was_sent(self):
        contract = self._share(self._create_contract())
        contract.clause_ids[0].body = "<p>Final wording</p>"
        self._send(contract)
        sent = contract.sudo().shared_version_id
        contract._sign("them", "Theo Them", PNG)
        self.assertEqual(contract.signature_ids.version_id, sent)
        self.assertIn("Final wording", sent.clauses[0]["body"])

    def test_an_amendment_in_force_changes_the_text_that_is_shown(self):
        contract = self._create_active()
        amendment = contract._amend(self.today, reason="More")
        amendment.clause_ids[2].body = "<p>Liability is unlimited.</p>"
        self.assertNotIn("unlimited", self._get_clause_texts(contract)[2])
        self._activate(amendment)
        self.assertIn("unlimited", self._get_clause_texts(contract)[2])

    def test_our_claims_and_unsent_answers_are_not_shown(self):
        contract = self._create_active()
        self.env["clm.claim"].create({"contract_id": contract.id, "side": "us", "name": "SecretOurs"})
        claim = contract._raise_claim("Late", "Too late", by="Theo")
        claim.answer = "<p>SecretAnswer</p>"
        values = contract.sudo()._portal_values()["claims"]
        self.assertEqual([row["name"] for row in values], ["Late"])
        self._assert_no_secret(str(values))
        claim.action_answer()
        self.assertIn("SecretAnswer", contract.sudo()._portal_values()["claims"][0]["answer"])

    def test_obligations_are_shown_once_they_bind(self):
        contract = self._share(self._create_contract())
        self.env["clm.obligation"].create({"contract_id": contract.id, "name": "SecretDraft", "date_due": self.today})
        self.assertEqual(contract.sudo()._portal_values()["obligations"], [])

    def test_preview_of_an_unshared_contract_is_refused(self):
        contract = self._create_contract()
        with self._refuse("does not see"):
            contract.action_preview()
        self.assertIn(f"/my/contracts/{contract.id}?access_token=", self._share(contract).action_preview()["url"])

    def test_mails_of_an_unshared_contract_have_no_button_to_its_page(self):
        contract = self._create_contract()
        message = contract.message_post(body="Soon", partner_ids=self.partner.ids)
        groups = contract._notify_get_recipients_groups(message, "Contract", {})
        shown = {name: options["has_button_access"] for name, __, options in groups if "portal" in name}
        self.assertEqual(set(shown.values()), {False})
        groups = self._share(contract)._notify_get_recipients_groups(message, "Contract", {})
        self.assertIn(True, [options["has_button_access"] for name, __, options in groups if "portal" in name])

    def test_the_concluding_signature_of_a_customer_is_told_by_the_owner(self):
        contract = self._create_contract()
        self._send(contract)
        contract._sign("us", "Ursula Us", PNG)
        for visitor in (self.portal, self.env.ref("base.public_user")):
            with self.subTest(visitor=visitor.login), self.env.cr.savepoint() as savepoint:
                contract.with_user(visitor).sudo()._sign("them", "Theo Them", PNG)
                told = contract.message_ids.filtered(lambda message: "signed" in (message.subject or ""))
                self.assertEqual(told.author_id, self.user.partner_id)
                savepoint.rollback()


class PortalHttpCase(PortalCase, HttpCase):
    """Requests of a browser, with a login or with a token."""

    def setUp(self):
        super().setUp()
        self.authenticate(None, None)

    def _login(self, user):
        self.authenticate(user.login, user.login)

    def _url(self, contract, suffix="", token=None, **params):
        query = "&".join(f"{key}={value}" for key, value in {"access_token": token, **params}.items() if value)
        return f"/my/contracts/{contract.id}{suffix}{'?' if query else ''}{query}"

    def _token(self, contract):
        token = contract.sudo()._portal_ensure_token()
        self.env.flush_all()
        return token

    def _open(self, contract, suffix="", **params):
        return self.url_open(self._url(contract, suffix, **params), allow_redirects=False)

    def _post(self, contract, suffix, token=None, csrf=True, more=(), **data):
        data.update(more)
        if csrf:
            data["csrf_token"] = http.Request.csrf_token(self)
        return self.url_open(self._url(contract, suffix, token), data=data or {"x": 1}, allow_redirects=False)

    def _call(self, contract, suffix, token=None, **params):
        return self.make_jsonrpc_request(self._url(contract, suffix, token), params)

    def _acts(self, contract):
        """:return: the audit trail, oldest first, as list of (act, who)"""
        return [(row.act, row.name) for row in contract.sudo().audit_ids.sorted("id")]

    def _assert_sent_home(self, response):
        self.assertIn(response.status_code, (302, 303))
        self.assertRegex(response.headers["Location"], r"(?:^|:\d+)/my$")


@tagged("post_install", "-at_install")
class TestPortalPages(PortalHttpCase):
    """Who sees which page, and what stands on it."""

    def test_home_counts_the_contracts_and_those_to_sign(self):
        self._share(self._create_contract())
        sent = self._create_contract()
        self._send(sent)
        late = self._create_contract()
        self._send(late)
        late.sudo()._unlocked().sign_by = self.today - timedelta(days=1)
        self._create_contract()
        self.env.flush_all()
        self._login(self.portal)
        counts = self.make_jsonrpc_request("/my/counters", {"counters": ["contract_count", "contract_sign_count"]})
        self.assertEqual(counts, {"contract_count": 1, "contract_sign_count": 1})
        self.assertIn("Your Contracts", self.url_open("/my").text)
        self._login(self.portal_other)
        counts = self.make_jsonrpc_request("/my/counters", {"counters": ["contract_count", "contract_sign_count"]})
        self.assertEqual(counts, {"contract_count": 0, "contract_sign_count": 0})

    def test_list_shows_own_shared_contracts_by_filter_search_and_order(self):
        negotiated = self._share(self._create_contract(title="Alpha"))
        sent = self._create_contract(title="Beta")
        self._send(sent)
        running = self._create_active(title="Gamma")
        ended = self._share(self._create_contract(title="Delta"))
        ended.action_cancel()
        draft = self._create_contract(title="Epsilon")
        foreign = self._share(self._create_contract(title="Zeta", partner_id=self.other_partner.id))
        self.env.flush_all()
        self._login(self.portal)
        everything = negotiated | sent | running | ended | draft | foreign
        for query, expected in {
            "": negotiated | sent | running | ended,
            "filterby=sign": sent,
            "filterby=negotiation": negotiated,
            "filterby=running": running,
            "filterby=ended": ended,
            "filterby=nonsense&sortby=nonsense&search_in=nonsense": negotiated | sent | running | ended,
            "search=beta": sent,
            f"search={running.name}&search_in=name": running,
            "search=Alpha&search_in=name": everything.browse(),
            "sortby=end": negotiated | sent | running | ended,
            "search=Zeta": everything.browse(),
        }.items():
            with self.subTest(query=query):
                text = self.url_open(f"/my/contracts?{query}").text
                self.assertEqual(everything.filtered(lambda contract, text=text: contract.name in text), expected)

    def test_list_has_pages(self):
        contracts = self.env["clm.contract"].with_user(self.user)
        for __ in range(3):
            contracts |= self._share(self._create_contract())
        self.env.flush_all()
        self._login(self.portal)
        self.patch(ContractPortal, "_items_per_page", 2)
        first, second = (self.url_open(f"/my/contracts{page}?sortby=name").text for page in ("", "/page/2"))
        self.assertEqual([contract.name in first for contract in contracts], [True, True, False])
        self.assertEqual([contract.name in second for contract in contracts], [False, False, True])
        self.assertEqual(self.url_open("/my/contracts/page/99").status_code, 200)

    def test_a_shared_contract_opens_for_its_customer_by_login_and_for_anybody_by_token(self):
        contract = self._share(self._create_contract(title="Open title"))
        token = self._token(contract)
        self._assert_sent_home(self._open(contract))
        response = self._open(contract, token=token)
        self.assertEqual(response.status_code, 200)
        self.assertIn("Open title", response.text)
        self._login(self.portal)
        self.assertIn("Open title", self._open(contract).text)
        self.assertIn("Price schedule", self._open(contract).text)

    def test_an_unshared_contract_never_opens_not_even_with_its_token(self):
        contract = self._create_contract(title="SecretDraft")
        token = self._token(contract)
        for user in (None, self.portal, self.user):
            self.authenticate(user and user.login, user and user.login)
            for suffix in ("", "/redline"):
                for params in ({}, {"token": token}, {"token": token, "report_type": "pdf"}):
                    with self.subTest(user=user, suffix=suffix, params=params):
                        response = self._open(contract, suffix, **params)
                        self._assert_sent_home(response)
                        self.assertNotIn("SecretDraft", response.text)
        self.assertFalse(self._acts(contract))

    def test_wrong_foreign_and_odd_tokens_do_not_open(self):
        contract = self._share(self._create_contract())
        other = self._share(self._create_contract(partner_id=self.other_partner.id))
        self._token(contract)
        for token in ("wrong", self._token(other), "%C3%A9t%C3%A9", "0", "a" * 5000):
            with self.subTest(token=token[:10]):
                self._assert_sent_home(self._open(contract, token=token))
        self._assert_sent_home(self.url_open("/my/contracts/987654321?access_token=x", allow_redirects=False))

    def test_the_contract_of_another_customer_does_not_open(self):
        contract = self._share(self._create_contract())
        self._login(self.portal_other)
        for suffix in ("", "/redline"):
            self._assert_sent_home(self._open(contract, suffix))
        self._assert_sent_home(self._open(contract, report_type="pdf"))

    def test_no_secret_reaches_a_page_or_an_answer(self):
        contract = self._create_secret_contract()
        token = self._token(contract)
        contract.sudo().message_subscribe(self.portal.partner_id.ids)
        self.env.flush_all()
        thread = {"thread_model": "clm.contract", "thread_id": contract.id}
        for user in (self.portal, None):
            self.authenticate(user and user.login, user and user.login)
            known = {"token": token} if not user else {}
            answers = [self._open(contract, **known).text, self._open(contract, "/redline", **known).text]
            self.assertIn("Open title", answers[0])
            if user:
                answers += [self.url_open(url).text for url in ("/my", "/my/contracts")]
                answers.append(str(self.make_jsonrpc_request("/mail/thread/messages", thread)))
                for request in ("activities", "attachments", "followers", "suggestedRecipients"):
                    answers.append(self._ask({**thread, "request_list": [request]}))
            answers.append(str(self.make_jsonrpc_request("/portal/chatter_init", {**thread, **known})))
            answers.append(str(self.make_jsonrpc_request("/mail/chatter_fetch", {**thread, **known})))
            for answer in answers:
                self._assert_no_secret(answer)

    @mute_logger("odoo.http")
    def _ask(self, params):
        """:return: what a portal user learns about a thread from the store of the web client, as text"""
        try:
            return str(self.make_jsonrpc_request("/mail/data", {"fetch_params": [["mail.thread", params]]}))
        except JsonRpcException as error:
            return str(error)

    def test_messages_of_an_unshared_contract_do_not_open_by_token(self):
        contract = self._create_contract()
        contract.message_post(body="SecretDraft", message_type="comment", subtype_xmlid="mail.mt_comment")
        thread = {"thread_model": "clm.contract", "thread_id": contract.id, "token": self._token(contract)}
        with self.assertRaisesRegex(JsonRpcException, "NotFound"), mute_logger("odoo.http"):
            self.make_jsonrpc_request("/mail/chatter_fetch", thread)
        self._share(contract)
        self.env.flush_all()
        self.assertIn("SecretDraft", str(self.make_jsonrpc_request("/mail/chatter_fetch", thread)))

    def test_reading_is_written_down_once_for_a_version_with_who_and_from_where(self):
        contract = self._share(self._create_contract())
        self.env.flush_all()
        self._login(self.portal)
        self._open(contract)
        self._open(contract)
        self.assertEqual(self._acts(contract), [("viewed", self.portal.name)])
        row = contract.sudo().audit_ids
        self.assertEqual(row.user_id, self.portal)
        self.assertEqual(row.ip, "127.0.0.1")
        self.assertTrue(row.user_agent)
        self.assertEqual(row.sha256, contract.sudo().shared_version_id.sha256)
        contract.clause_ids[0].body = "<p>Second wording</p>"
        contract.action_save_version()
        self._open(contract)
        self.assertEqual(len(self._acts(contract)), 1, "an internal version is not what they read")
        contract.action_negotiate()
        self.env.flush_all()
        self._open(contract)
        self.assertEqual(len(self._acts(contract)), 2)

    def test_a_reader_with_a_token_is_the_contact_of_the_contract(self):
        contract = self._share(self._create_contract())
        self._open(contract, token=self._token(contract))
        self.assertEqual(self._acts(contract), [("viewed", self.partner.name)])

    def test_a_reader_who_follows_a_mail_is_its_recipient(self):
        contract = self._share(self._create_contract())
        token, contact = self._token(contract), self.portal.partner_id
        self._open(contract, token=token, pid=contact.id, hash=contract.sudo()._sign_token(contact.id))
        self._open(contract, token=token, pid=self.portal_other.partner_id.id, hash="wrong")
        self._open(contract, token=token, pid="x", hash="wrong")
        self.assertEqual(self._acts(contract), [("viewed", contact.name), ("viewed", self.partner.name)])

    def test_link_previews_and_colleagues_leave_no_trace(self):
        contract = self._share(self._create_contract())
        token = self._token(contract)
        self.url_open(self._url(contract, token=token), headers={"Odoo-Link-Preview": "True"})
        self._login(self.user)
        text = self._open(contract, token=token).text
        self._open(contract, token=token, report_type="pdf")
        self.assertFalse(self._acts(contract))
        self.assertIn("This is a preview", text)
        self.assertNotIn("o_clm_edit", text)

    def test_pdf_shows_the_shared_version_and_downloads_are_written_down(self):
        report = self.env.registry["ir.actions.report"]
        contract = self._create_secret_contract()
        self.patch(report, "_render_qweb_pdf", lambda report, ref, ids=None, data=None: (
            report._render_qweb_html(ref, ids, data)[0], "pdf",
        ))
        self.env.flush_all()
        self._login(self.portal)
        response = self._open(contract, report_type="pdf", download="1")
        self.assertEqual(response.headers["Content-Type"], "application/pdf")
        self.assertIn("attachment", response.headers["Content-Disposition"])
        self.assertIn("Open title", response.text)
        self._assert_no_secret(response.text)
        self.assertEqual(self._acts(contract)[-1], ("downloaded", self.portal.name))

    def test_the_signed_file_is_what_is_downloaded_later(self):
        contract = self._create_active()
        self.env.flush_all()
        self._login(self.portal)
        self.assertEqual(self._open(contract, report_type="pdf").content, PDF)
        self.assertIn(contract.sudo().signed_sha256, self._open(contract).text)
        self._login(self.portal_other)
        self._assert_sent_home(self._open(contract, report_type="pdf"))

    def test_redline_compares_what_they_may_see_only(self):
        contract = self._share(self._create_contract())
        contract.clause_ids[2].body = "<p>Liability is limited to the monthly price.</p>"
        contract.action_negotiate()
        shared = contract.version_ids.sorted("number")
        contract.clause_ids[0].body = "<p>SecretDraft</p>"
        contract.action_save_version()
        internal = contract.version_ids - shared
        foreign = self._share(self._create_contract(partner_id=self.other_partner.id)).version_ids
        self.env.flush_all()
        self._login(self.portal)
        text = self._open(contract, "/redline").text
        self.assertRegex(text, r'<del class="clm_del">\s*yearly')
        self.assertRegex(text, r'<ins class="clm_ins">\s*monthly')
        back = self._open(contract, "/redline", old=shared[1].id, new=shared[0].id).text
        self.assertRegex(back, r'<ins class="clm_ins">\s*yearly')
        for old, new in (
            (shared[0].id, internal.id), (internal.id, shared[0].id), (shared[0].id, foreign.id),
            (foreign.id, shared[0].id), (987654321, shared[0].id),
        ):
            with self.subTest(old=old, new=new):
                self._assert_sent_home(self._open(contract, "/redline", old=old, new=new))
        self.assertEqual(self._open(contract, "/redline", old="x", new="-1").status_code, 200)


@tagged("post_install", "-at_install")
class TestPortalActs(PortalHttpCase):
    """What the other party does: who did it, what it changes, and what is refused."""

    # === SIGNATURE === #

    def test_the_customer_signs_with_name_image_address_and_browser(self):
        contract = self._create_contract()
        self._send(contract)
        self.env.flush_all()
        self._login(self.portal)
        answer = self._call(contract, "/accept", name="  Theo   Them ", signature=PNG)
        self.assertTrue(answer["force_refresh"])
        signature = contract.sudo().signature_ids
        self.assertRecordValues(signature, [{
            "side": "them", "name": "Theo Them", "user_id": self.portal.id, "ip": "127.0.0.1", "method": "drawn",
            "sha256": contract.sudo().shared_version_id.sha256, "valid": True,
        }])
        self.assertTrue(signature.user_agent)
        self.assertEqual((contract.state, contract.pen), ("signature", "us"))
        self.assertIn(("signed", "Theo Them"), self._acts(contract))
        self.assertIn("You have signed", self.url_open(answer["redirect_url"]).text)

    def test_the_last_signature_concludes_also_with_a_token_and_without_login(self):
        contract = self._create_contract()
        self._send(contract)
        contract._sign("us", "Ursula Us", PNG)
        token = self._token(contract)
        answer = self._call(contract, "/accept", token, name="Theo Them", signature=PNG)
        self.assertIn(token, answer["redirect_url"])
        self.assertEqual(contract.state, "active")
        self.assertTrue(contract.sudo().signed_attachment_id)
        self.assertEqual(contract._verify(), [])

    def test_signing_twice_late_or_without_access_is_refused_with_a_reason(self):
        contract = self._create_contract()
        self._send(contract)
        token = self._token(contract)
        self.assertIn("does not exist", self._call(contract, "/accept", name="T", signature=PNG)["error"])
        self.assertIn("does not exist", self._call(contract, "/accept", "wrong", name="T", signature=PNG)["error"])
        with freeze_time(contract.sign_by + timedelta(days=2)):
            answer = self._call(contract, "/accept", token, name="T", signature=PNG)
        self.assertIn("time to sign ended", answer["error"])
        self.assertFalse(contract.sudo().signature_ids)
        self.assertNotIn("error", self._call(contract, "/accept", token, name="T", signature=PNG))
        self.assertIn("signed for this side already", self._call(
            contract, "/accept", token, name="Again", signature=PNG)["error"])
        self.assertEqual(contract.sudo().signature_ids.mapped("name"), ["T"])

    def test_empty_oversized_and_wrong_signatures_are_refused_and_leave_nothing(self):
        contract = self._create_contract()
        self._send(contract)
        token = self._token(contract)
        huge = base64.b64encode(b"\x89PNG" + b"x" * (MAX_SIGNATURE_BYTES + 10)).decode()
        for name, signature, sentence in (
            ("Theo", None, "Draw or type"),
            ("Theo", "", "Draw or type"),
            ("Theo", 5, "Draw or type"),
            ("Theo", ["x"], "Draw or type"),
            ("", PNG, "Write your name"),
            (None, PNG, "Write your name"),
            ({"a": 1}, PNG, "Write your name"),
            ("T" * 121, PNG, "too long"),
            ("Theo", huge, "too large"),
            ("Theo", "no base64 !", "not an image"),
            ("Theo", base64.b64encode(b"<svg onload=alert(1)>").decode(), "not an image"),
            ("Theo", base64.b64encode(b"%PDF-1.4").decode(), "not an image"),
            ("Theo", image("BMP"), "not an image"),
        ):
            with self.subTest(name=name, signature=str(signature)[:12]):
                self.assertIn(sentence, self._call(contract, "/accept", token, name=name, signature=signature)["error"])
        self.assertFalse(contract.sudo().signature_ids)
        self.assertFalse(self._acts(contract))

    def test_who_has_signed_cannot_decline_any_more(self):
        contract = self._create_contract()
        self._send(contract)
        contract._sign("them", "Theo Them", PNG)
        self._post(contract, "/decline", self._token(contract), reason="Changed our mind")
        self.assertEqual(contract.state, "signature")
        self.assertTrue(contract.sudo().signature_ids.valid)

    def test_a_colleague_cannot_sign_for_the_customer(self):
        contract = self._create_contract()
        self._send(contract)
        token = self._token(contract)
        self._login(self.user)
        self.assertIn("preview", self._call(contract, "/accept", token, name="Ursula", signature=PNG)["error"])
        self.assertFalse(contract.sudo().signature_ids)

    def test_a_contact_without_address_does_everything_by_link(self):
        """Nobody needs an e-mail address or a login: messages and activities are made in the name of the contact."""
        nobody = self.env["res.partner"].create({"name": "Nora Nomail"})
        contract = self._share(self._create_contract(partner_id=nobody.id))
        token = self._token(contract)
        clause = contract.clause_ids[0]
        self.assertNotIn("error", self._call(contract, "/propose", token, bodies={str(clause.id): "<p>Ours</p>"}))
        self._send(contract)
        self.env.flush_all()
        self._post(contract, "/decline", token, reason="Not yet")
        self._send(contract)
        contract._sign("us", "Ursula Us", PNG)
        self.env.flush_all()
        self.assertNotIn("error", self._call(contract, "/accept", token, name="Nora", signature=PNG))
        self.assertEqual(contract.state, "active")
        self.assertEqual(self._acts(contract), [
            ("proposed", nobody.name), ("declined", nobody.name), ("signed", "Ursula Us"), ("signed", "Nora"),
        ])
        self.assertEqual(contract.message_ids.filtered(lambda m: "Not yet" in str(m.body)).author_id, nobody)

    def test_what_is_not_out_for_signature_cannot_be_signed(self):
        for contract in (self._share(self._create_contract()), self._create_active()):
            with self.subTest(state=contract.state):
                answer = self._call(contract, "/accept", self._token(contract), name="Theo", signature=PNG)
                self.assertIn("not waiting for a signature", answer["error"])

    def test_declining_needs_a_reason_and_goes_back_to_negotiation(self):
        contract = self._create_contract()
        self._send(contract)
        self.env.flush_all()
        self._login(self.portal)
        for reason in ("", "   ", "x" * 2001):
            self._post(contract, "/decline", reason=reason)
            self.assertEqual(contract.state, "signature")
            self.assertIn('role="alert"', self._open(contract).text)
        self._post(contract, "/decline", reason="The price <script>is</script> too high")
        self.assertEqual((contract.state, contract.pen), ("negotiation", "us"))
        self.assertEqual(self._acts(contract)[-1], ("declined", self.portal.name))
        message = contract.message_ids.filtered(lambda message: "too high" in str(message.body))
        self.assertEqual(message.author_id, self.portal.partner_id)
        self.assertNotIn("<script", str(message.body))

    def test_forms_without_csrf_token_are_refused(self):
        contract = self._create_active()
        duty = self._create_duty(contract)
        claim = contract._raise_claim("Late", "", by="Theo")
        sent = self._create_contract()
        self._send(sent)
        self.env.flush_all()
        self._login(self.portal)
        with mute_logger("odoo.http"):
            for record, suffix in (
                (sent, "/decline"), (contract, "/claims"), (contract, f"/claims/{claim.id}/escalate"),
                (contract, f"/obligations/{duty.id}/confirm"),
            ):
                with self.subTest(suffix=suffix):
                    response = self._post(record, suffix, csrf=False, reason="No", name="Mine")
                    self.assertEqual(response.status_code, 400)
        self.assertEqual((sent.state, duty.state, claim.state), ("signature", "open", "open"))
        self.assertEqual(len(contract.claim_ids), 1)

    def test_forms_answer_no_get(self):
        contract = self._create_active()
        self.env.flush_all()
        self._login(self.portal)
        for suffix in ("/decline", "/claims", "/obligations/1/confirm", "/claims/1/accept"):
            with self.subTest(suffix=suffix):
                self.assertEqual(self._open(contract, suffix).status_code, 405)

    # === NEGOTIATION === #

    def test_a_proposal_is_a_version_of_theirs_and_passes_the_pen(self):
        contract = self._share(self._create_contract())
        first, *__, last = contract.clause_ids
        self.env.flush_all()
        self._login(self.portal)
        answer = self._call(contract, "/propose", note="By law", bodies={
            str(first.id): "<p>Between <b>them</b> and us.</p>", str(last.id): "<ul><li>No limit.</li></ul>",
        })
        self.assertIn("redirect_url", answer)
        version = contract.version_ids.sorted("number")[-1]
        self.assertRecordValues(version, [{
            "side": "them", "author_name": self.portal.name, "note": "By law", "number": 2,
        }])
        self.assertEqual([clause["proposed"] for clause in version.clauses], [True, False, True])
        self.assertEqual(contract.pen, "us")
        self.assertEqual(self._acts(contract)[-1], ("proposed", self.portal.name))
        self.assertEqual(contract.sudo().audit_ids.sorted("id")[-1].version_id, version.sudo())
        self.assertIn("Between", str(first.body))
        self.assertNotIn("them</b>", str(first.body), "our text changes when we take theirs over")
        self.assertIn("No limit.", self._open(contract).text)

    def test_hostile_html_in_a_proposal_is_made_harmless(self):
        contract = self._share(self._create_contract())
        clause = contract.clause_ids[0]
        hostile = (
            '<p onclick="alert(1)">Fine words<script>alert(2)</script><img src=x onerror="alert(3)">'
            '<a href="javascript:alert(4)">link</a><iframe src="//evil"></iframe><style>*{display:none}</style>'
            '<svg/onload=alert(5)><form action="//evil"><input></form><ins class="clm_ins">faked</ins></p>'
            "{{ object.env }}<t t-out=\"1\"/>"
        )
        self.env.flush_all()
        self._login(self.portal)
        self.assertNotIn("error", self._call(contract, "/propose", bodies={str(clause.id): hostile}))
        contract.version_ids.sorted("number")[-1].action_take_over()
        for text in (
            str(clause.body), self._open(contract).text.split('id="text"')[1].split('id="versions"')[0],
            self._open(contract, "/redline").text.split("o_clm_redline")[1],
        ):
            self.assertIn("Fine words", text)
            start = text.index("Fine words")
            article = text[start - 40:start + 400]
            for bad in ("onclick", "onerror", "onload", "javascript:", "<iframe", "<script", "<style", "<form"):
                with self.subTest(bad=bad):
                    self.assertNotIn(bad, article)

    def test_what_cannot_be_proposed_is_refused_with_a_reason(self):
        contract = self._share(self._create_contract())
        foreign = self._share(self._create_contract(partner_id=self.other_partner.id)).clause_ids[0]
        own = contract.clause_ids[0]
        same = self._get_clause_texts(contract)[0]
        token = self._token(contract)
        for bodies, sentence in (
            ({str(foreign.id): "<p>Mine</p>"}, "no longer part"),
            ({str(own.id): "<p>Mine</p>", str(foreign.id): "<p>Mine</p>"}, "no longer part"),
            ({"987654321": "<p>Mine</p>"}, "no longer part"),
            ({str(own.id): same}, "same as ours"),
            ({}, "same as ours"),
            (None, "cannot be read"),
            ([1, 2], "cannot be read"),
            ({"x": "<p>Mine</p>"}, "cannot be read"),
            ({str(own.id): "x" * 200_001}, "too long"),
        ):
            with self.subTest(bodies=str(bodies)[:30]):
                self.assertIn(sentence, self._call(contract, "/propose", token, bodies=bodies)["error"])
        self.assertIn("too long", self._call(
            contract, "/propose", token, bodies={str(own.id): "<p>Mine</p>"}, note="x" * 2001)["error"])
        self.assertEqual(len(contract.version_ids), 1)
        self.assertEqual(contract.pen, "them")
        self._send(contract)
        self.env.flush_all()
        self.assertIn("while the contract is negotiated", self._call(
            contract, "/propose", token, bodies={str(own.id): "<p>Mine</p>"})["error"])

    def test_a_comment_passes_the_pen_and_is_written_down(self):
        contract = self._share(self._create_contract())
        token = self._token(contract)
        for user, known, name in ((self.portal, {}, self.portal.name), (None, {"token": token}, self.partner.name)):
            with self.subTest(name=name):
                contract.sudo()._set_pen("them")
                self.env.flush_all()
                self.authenticate(user and user.login, user and user.login)
                self.make_jsonrpc_request("/mail/message/post", {
                    "thread_model": "clm.contract", "thread_id": contract.id, **known,
                    "post_data": {
                        "body": "May we talk?", "message_type": "comment", "subtype_xmlid": "mail.mt_comment",
                    },
                })
                self.assertEqual(contract.pen, "us")
                self.assertEqual(self._acts(contract)[-1], ("commented", name))
                self.assertEqual(contract.sudo().audit_ids.sorted("id")[-1].ip, "127.0.0.1")

    def test_a_comment_of_ours_leaves_the_pen(self):
        contract = self._share(self._create_contract())
        contract.message_post(body="We wait", message_type="comment", subtype_xmlid="mail.mt_comment")
        self.assertEqual(contract.pen, "them")
        self.assertFalse(self._acts(contract))

    # === FULFILMENT === #

    def _create_duty(self, contract, **vals):
        return self.env["clm.obligation"].create({
            "contract_id": contract.id, "name": "Name a contact", "side": "them", "date_due": contract.date_start,
            **vals,
        })

    def test_the_customer_confirms_an_obligation_of_theirs(self):
        contract = self._create_active()
        duty = self._create_duty(contract)
        self.env.flush_all()
        self._login(self.portal)
        self.assertIn("Confirm as done", self._open(contract).text)
        response = self._post(contract, f"/obligations/{duty.id}/confirm")
        self.assertTrue(response.headers["Location"].endswith("#obligations"))
        self.assertRecordValues(duty, [{"state": "done", "done_by": self.portal.name}])
        self.assertEqual(self._acts(contract)[-1], ("confirmed", self.portal.name))
        self.assertNotIn("Confirm as done", self._open(contract).text)

    def test_foreign_our_own_and_settled_obligations_cannot_be_confirmed(self):
        contract = self._create_active()
        other = self._create_active(partner_id=self.other_partner.id)
        ours = self._create_duty(contract, side="us")
        foreign = self._create_duty(other)
        waived = self._create_duty(contract)
        waived.action_waive("Not needed")
        negotiated = self._share(self._create_contract())
        early = self._create_duty(negotiated)
        self.env.flush_all()
        self._login(self.portal)
        for record, duty in ((contract, ours), (contract, foreign), (contract, waived), (negotiated, early)):
            with self.subTest(duty=duty):
                before = duty.state
                self._post(record, f"/obligations/{duty.id}/confirm")
                self.assertEqual(duty.state, before)
                self.assertIn('role="alert"', self._open(record).text)
        self._assert_sent_home(self._post(other, f"/obligations/{foreign.id}/confirm"))
        self.assertEqual(foreign.state, "open")

    def test_a_claim_about_an_obligation_is_raised_answered_and_accepted(self):
        contract = self._create_active()
        duty = self._create_duty(contract, side="us", name="Deliver")
        self.env.flush_all()
        self._login(self.portal)
        self._post(contract, "/claims", name=" Late ", description="a <b>bold</b>\nword", obligation_id=duty.id)
        claim = contract.claim_ids
        self.assertRecordValues(claim, [{"name": "Late", "side": "them", "obligation_id": duty.id, "state": "open"}])
        self.assertNotIn("<b>", str(claim.description), "what is typed is text")
        self.assertEqual(self._acts(contract)[-1], ("claimed", self.portal.name))
        self._post(contract, f"/claims/{claim.id}/accept")
        self.assertEqual(claim.state, "open", "there is no answer yet")
        claim.answer = "<p>We credit a day.</p>"
        claim.action_answer()
        self.env.flush_all()
        self.assertIn("We credit a day.", self._open(contract).text)
        self._post(contract, f"/claims/{claim.id}/accept")
        self.assertEqual(claim.state, "accepted")
        self.assertEqual(self._acts(contract)[-1], ("settled", self.portal.name))
        self._post(contract, f"/claims/{claim.id}/escalate")
        self.assertEqual(claim.state, "accepted")

    def test_a_claim_is_escalated_by_the_customer(self):
        contract = self._create_active()
        claim = contract._raise_claim("Late", "", by="Theo")
        self._post(contract, f"/claims/{claim.id}/escalate", self._token(contract))
        self.assertEqual(claim.state, "escalated")
        self.assertEqual(self._acts(contract)[-1], ("escalated", self.partner.name))

    def test_claims_on_what_is_foreign_empty_or_not_in_force_are_refused(self):
        contract = self._create_active()
        other = self._create_active(partner_id=self.other_partner.id)
        foreign_duty = self._create_duty(other)
        foreign_claim = other._raise_claim("Theirs", "", by="X")
        ours = self.env["clm.claim"].create({"contract_id": contract.id, "side": "us", "name": "Ours"})
        negotiated = self._share(self._create_contract())
        self.env.flush_all()
        self._login(self.portal)
        for record, data in (
            (contract, {"name": "Late", "obligation_id": foreign_duty.id}),
            (contract, {"name": "Late", "obligation_id": "x"}),
            (contract, {"name": "  "}),
            (contract, {"description": "no subject"}),
            (contract, {"name": "x" * 201}),
            (contract, {"name": "Late", "description": "x" * 20_001}),
            (negotiated, {"name": "Late"}),
        ):
            with self.subTest(data=str(data)[:40]):
                self._post(record, "/claims", **data)
                self.assertIn('role="alert"', self._open(record).text)
        for claim in (foreign_claim, ours):
            for answer in ("accept", "escalate"):
                self._post(contract, f"/claims/{claim.id}/{answer}")
        self.assertEqual((contract | negotiated).claim_ids, ours)
        self.assertEqual((foreign_claim.state, ours.state), ("open", "open"))

    def test_a_failed_act_leaves_nothing_half_done(self):
        contract = self._create_contract()
        self._send(contract)
        contract._sign("us", "Ursula Us", PNG)
        token = self._token(contract)

        def refuse(contract):
            raise UserError(REFUSAL)

        self.patch(self.env.registry["clm.contract"], "_conclude", refuse)
        self.assertEqual(
            self._call(contract, "/accept", token, name="Theo", signature=PNG), {"error": REFUSAL}
        )
        self.assertEqual(contract.sudo().signature_ids.mapped("side"), ["us"])
        self.assertNotIn(("signed", "Theo"), self._acts(contract))

    def test_two_valid_signatures_of_one_side_cannot_exist(self):
        contract = self._create_contract()
        self._send(contract)
        contract._sign("them", "Theo Them", PNG)
        first = contract.sudo().signature_ids
        with self.assertRaisesRegex(Exception, "side_uniq"), mute_logger("odoo.sql_db"):
            first.copy()

    def test_strange_parameters_break_no_page(self):
        contract = self._share(self._create_contract())
        token = self._token(contract)
        for params in (
            "success=1&error=2&act=3&anchor=4&suffix=5", "contract=x&message=x&contract_id=1", "pid=1e9&hash=%C3%A9",
            "report_type=html", "access_token=", "visitor=1&url_of=2",
        ):
            with self.subTest(params=params):
                response = self.url_open(f"/my/contracts/{contract.id}?access_token={token}&{params}")
                self.assertEqual(response.status_code, 200)
        response = self._post(contract, "/decline", token, reason="No", more={
            "anchor": "x", "success": "y", "contract": "z", "suffix": "/x", "act": "x",
        })
        self.assertEqual(response.status_code, 303)
        self.assertTrue(re.search(rf"/my/contracts/{contract.id}\?access_token=", response.headers["Location"]))
