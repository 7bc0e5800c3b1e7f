import base64
import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import NoneType
from unittest.mock import patch

import psycopg2

from odoo import SUPERUSER_ID, api, fields
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.modules.registry import Registry
from odoo.tests import BaseCase, freeze_time, get_db_name, tagged
from odoo.tools import SQL, mute_logger

from .contract_common import PDF, PNG, ContractCase, image

SCAN = b"%PDF-1.7 scanned"


class SignatureCase(ContractCase):
    def _out(self, **vals):
        """:return: a contract that is out for signature"""
        contract = self._create_contract(**vals)
        self._send(contract)
        return contract

    def _fail_to_print(self, error):
        def fail(*args, **kwargs):
            raise error

        return patch.object(self.env.registry["ir.actions.report"], "_render_qweb_pdf", fail)

    def _sql(self, query, *params):
        self.env.flush_all()
        self.env.cr.execute(SQL(query, *params))
        self.env.invalidate_all()


@tagged("post_install", "-at_install")
class TestSignature(SignatureCase):
    """Signing, declining, signing on paper."""

    def test_both_sides_sign_in_any_order(self):
        for first, second in (("them", "us"), ("us", "them")):
            contract = self._out()
            contract._sign(first, "First", PNG)
            self.assertEqual((contract.state, contract.pen, contract._sides_to_sign()), ("signature", second, [second]))
            contract._sign(second, "Second", PNG)
            self.assertEqual((contract.state, contract.signed_on, contract.activated_on), ("active", *[self.today] * 2))

    def test_signature_records_who_when_where_and_what(self):
        contract = self._out()
        signature = contract._sign("them", "  Theo   Them ", PNG, ip="192.0.2.1", user_agent="Browser " * 100)
        version = contract.last_version_id
        self.assertRecordValues(signature.sudo(), [{
            "side": "them", "name": "Theo Them", "ip": "192.0.2.1", "method": "drawn", "version_id": version.id,
            "sha256": version.sha256, "valid": True, "user_id": self.user.id,
        }])
        self.assertEqual(len(signature.user_agent), 300)
        self.assertEqual(base64.b64decode(signature.signature), base64.b64decode(PNG))
        audit = contract.audit_ids
        self.assertEqual(
            (audit.act, audit.name, audit.ip, audit.sha256), ("signed", "Theo Them", "192.0.2.1", version.sha256)
        )

    def test_owner_is_asked_to_sign_once_they_did(self):
        contract = self._out()
        contract._sign("them", "Theo", PNG)
        self.assertEqual(contract.activity_ids.mapped("summary"), ["Theo signed: sign for your side"])
        other = self._out()
        other._sign("us", "Ursula", PNG)
        self.assertFalse(other.activity_ids)

    def test_one_side_is_enough_where_the_type_says_so(self):
        for side, pen in (("them", "them"), ("us", "us")):
            kind = self._create_type(signature_required=side)
            contract = self._out(type_id=kind.id)
            self.assertEqual(contract.pen, pen)
            with self._refuse("signed for this side already"):
                contract._sign({"them": "us", "us": "them"}[side], "X", PNG)
            contract._sign(side, "X", PNG)
            self.assertEqual(contract.state, "active")

    def test_wrong_sides_are_refused(self):
        contract = self._out()
        for side in ("", None, "both", "theirs", 5):
            with self.subTest(side=side), self._refuse("for “us” or for “them”"):
                contract._sign(side, "X", PNG)

    def test_name_is_needed(self):
        contract = self._out()
        for name in ("", None, "   ", "\n\t"):
            with self.subTest(name=name), self._refuse("Write your name"):
                contract._sign("them", name, PNG)

    def test_only_small_images_are_signatures(self):
        png = base64.b64decode(PNG)
        noise = image("PNG", (6000, 2))
        bomb = png[:16] + (60_000).to_bytes(4, "big") * 2 + png[24:]
        cases = {
            "nothing": (None, "Draw or type your signature"),
            "empty": ("", "Draw or type your signature"),
            "no string": (5, "Draw or type your signature"),
            "no base64": ("%%%", "not an image"),
            "text": (base64.b64encode(b"I agree").decode(), "not an image"),
            "html": (base64.b64encode(b"<svg onload='alert(1)'/>").decode(), "not an image"),
            "pdf": (base64.b64encode(b"%PDF-1.4").decode(), "not an image"),
            "bmp": (image("BMP"), "not an image"),
            "cut": (base64.b64encode(png[: len(png) // 2]).decode(), "not an image"),
            "too many bytes": (base64.b64encode(png + b"\0" * 1_000_001).decode(), "too large"),
            "too wide": (noise, "too large"),
            "too many pixels": (image("PNG", (4000, 4000)), "too large"),
            "bomb": (base64.b64encode(bomb).decode(), "not an image|too large"),
            "data url of text": ("data:text/plain;base64,SSBhZ3JlZQ==", "not an image"),
        }
        contract = self._out()
        for what, (signature, sentence) in cases.items():
            with self.subTest(what=what), self._refuse(sentence):
                contract._sign("them", "Theo", signature)
        self.assertFalse(contract.signature_ids)
        contract._sign("them", "Theo", image("JPEG"))
        contract._sign("us", "Ursula", f"data:image/png;base64,{PNG}")
        self.assertEqual(contract.state, "active")

    def test_signing_twice_is_refused(self):
        contract = self._out()
        contract._sign("them", "Theo", PNG)
        with self._refuse("signed for this side already"):
            contract._sign("them", "Theo", PNG)
        contract._sign("us", "Ursula", PNG)
        with self._refuse("is not waiting for a signature"):
            contract._sign("us", "Ursula", PNG)
        self.assertEqual(len(contract.signature_ids), 2)

    def test_database_knows_one_valid_signature_per_side(self):
        contract = self._out()
        signature = contract._sign("them", "Theo", PNG).sudo()
        with mute_logger("odoo.sql_db"), self.assertRaises(psycopg2.errors.UniqueViolation):
            signature.copy()

    def test_signing_is_refused_before_and_after_its_time(self):
        contract = self._create_contract()
        with self._refuse("is not waiting for a signature"):
            contract._sign("them", "Theo", PNG)
        contract = self._out()
        with freeze_time(fields.Datetime.now() + timedelta(days=14)):
            contract._check_can_sign("them", "drawn")
        with freeze_time(fields.Datetime.now() + timedelta(days=15)), self._refuse("The time to sign ended on"):
            contract._sign("them", "Theo", PNG)
        with freeze_time(fields.Datetime.now() + timedelta(days=15)):
            contract._sign("us", "Ursula", PNG)  # our own signature may come late
            contract.action_take_back()
            contract.action_send()
            contract._sign("them", "Theo", PNG)

    def test_signing_for_us_needs_the_right_to_write(self):
        contract = self._out()
        for user in (self.viewer, self.stranger, self.approver, self.internal):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                contract.with_user(user)._sign("us", "Me", PNG)
        contract.with_user(self.mate)._sign("us", "Mate", PNG)

    def test_altered_text_is_not_signed(self):
        contract = self._out()
        self._sql(
            "UPDATE clm_contract_version SET clauses = jsonb_set(clauses, '{0,body}', '\"<p>Else</p>\"')"
            " WHERE contract_id = %s", contract.id,
        )
        with self._refuse("was altered. It cannot be signed"):
            contract._sign("them", "Theo", PNG)
        with self._refuse("was altered. It cannot be signed"):
            contract._sign_on_paper("scan.pdf", SCAN, "U", "T", self.today)

    # === DECLINE === #

    def test_declining_returns_to_negotiation_with_the_reason(self):
        contract = self._out()
        contract._sign("us", "Ursula", PNG)
        contract._decline("Wrong <b>address</b>", name="Theo", ip="192.0.2.9")
        self.assertEqual((contract.state, contract.pen), ("negotiation", "us"))
        self.assertEqual(contract.signature_ids.mapped("valid"), [False])
        audit = contract.audit_ids.filtered(lambda audit: audit.act == "declined")
        self.assertEqual((audit.name, audit.note, audit.ip), ("Theo", "Wrong <b>address</b>", "192.0.2.9"))
        told = contract.activity_ids.filtered(lambda activity: "declined" in activity.summary)
        self.assertIn("Wrong &lt;b&gt;address", told.note)

    def test_declining_needs_a_reason_and_a_request(self):
        contract = self._out()
        for reason in (None, "", "  "):
            with self._refuse("Say why you decline"):
                contract._decline(reason)
        contract.action_take_back()
        with self._refuse("is not waiting for a signature"):
            contract._decline("No")

    def test_declined_contract_is_signed_anew_by_both(self):
        contract = self._out()
        contract._sign("them", "Theo", PNG)
        contract._decline("Changed our mind")
        contract.clause_ids[2].body = "<p>Better.</p>"
        contract.action_send()
        self._sign_all(contract)
        self.assertEqual(contract.signature_ids.filtered("valid").version_id, contract.last_version_id)
        self.assertEqual(len(contract.signature_ids), 3)
        self.assertEqual(contract._verify(), [])

    # === ON PAPER === #

    def test_contract_signed_on_paper_keeps_the_scan(self):
        contract = self._create_contract()
        contract._sign_on_paper("scan.pdf", SCAN, " Ursula  Us ", "", self.today)
        self.assertEqual((contract.state, contract.signed_on), ("active", self.today))
        attachment = contract.signed_attachment_id
        self.assertEqual((attachment.name, attachment.raw), ("scan.pdf", SCAN))
        self.assertEqual(contract.signed_sha256, hashlib.sha256(SCAN).hexdigest())
        self.assertEqual(
            contract.signature_ids.sorted("side").mapped(lambda sign: (sign.side, sign.name, sign.method)),
            [("them", "On paper", "paper"), ("us", "Ursula Us", "paper")],
        )
        self.assertEqual(contract.audit_ids.mapped("act"), ["paper"])
        self.assertEqual(contract._verify(), [])
        path = contract.visit_ids.sorted("number").mapped("state")
        self.assertEqual(path, ["draft", "signature", "signed", "active"])

    def test_paper_completes_what_was_begun_on_screen(self):
        contract = self._out()
        contract._sign("us", "Ursula", PNG)
        contract._sign_on_paper("scan.pdf", SCAN, "Nobody", "Theo", self.today)
        signatures = contract.signature_ids.mapped(lambda sign: (sign.side, sign.name, sign.method))
        self.assertEqual(sorted(signatures), [("them", "Theo", "paper"), ("us", "Ursula", "drawn")])
        self.assertEqual(contract.signed_attachment_id.raw, SCAN)

    def test_paper_is_accepted_after_the_time_to_sign(self):
        contract = self._out()
        with freeze_time(fields.Datetime.now() + timedelta(days=30)):
            contract._sign_on_paper("scan.pdf", SCAN, "U", "T", self.today + timedelta(days=29))
        self.assertEqual(contract.state, "active")

    def test_paper_needs_the_approval_as_well(self):
        kind = self._create_type(steps=[{"name": "Sales"}])
        contract = self._create_contract(type_id=kind.id)
        with self._refuse("needs an approval"):
            contract._sign_on_paper("scan.pdf", SCAN, "U", "T", self.today)

    def test_bad_paper_is_refused(self):
        contract = self._create_contract()
        cases = {
            "no file": (b"", self.today, "Attach the signed copy"),
            "program": (b"MZ\x90", self.today, "as a PDF, PNG or JPEG"),
            "html": (b"<html>", self.today, "as a PDF, PNG or JPEG"),
            "too large": (b"%PDF" + b"0" * 25_000_001, self.today, "too large"),
            "future": (SCAN, self.today + timedelta(days=1), "lies in the future"),
        }
        for what, (content, day, sentence) in cases.items():
            with self.subTest(what=what), self._refuse(sentence):
                contract._sign_on_paper("scan.pdf", content, "U", "T", day)
        self.assertEqual(contract.state, "draft")
        active = self._create_active()
        with self._refuse("cannot go to “Signed”"):
            active._sign_on_paper("scan.pdf", SCAN, "U", "T", self.today)
        for user in (self.viewer, self.stranger):
            with self.assertRaises(AccessError):
                contract.with_user(user)._sign_on_paper("scan.pdf", SCAN, "U", "T", self.today)


@tagged("post_install", "-at_install")
class TestSignedFile(SignatureCase):
    """The signed PDF, and what happens when it cannot be printed."""

    def test_signed_pdf_is_stored_with_its_hash(self):
        contract = self._create_active()
        attachment = contract.signed_attachment_id
        self.assertEqual((attachment.raw, attachment.res_model, attachment.res_id), (PDF, "clm.contract", contract.id))
        self.assertEqual(contract.signed_sha256, hashlib.sha256(PDF).hexdigest())

    def test_printer_that_fails_undoes_no_signature_and_is_tried_again(self):
        for error in (OSError("no printer"), ValueError("no report"), KeyError("field"), ZeroDivisionError()):
            contract = self._out()
            contract._sign("them", "Theo", PNG)
            with self.subTest(error=error), mute_logger("odoo.addons.clm.models.clm_contract_signature"):
                with self._fail_to_print(error):
                    contract._sign("us", "Ursula", PNG)
                    self.assertEqual((contract.state, len(contract.signature_ids)), ("active", 2))
                    self.assertFalse(contract.signed_attachment_id)
                    self.assertIn("could not be printed", contract.cron_error)
                    self.assertIn("The daily run failed", contract.activity_ids.mapped("summary"))
                    with mute_logger("odoo.addons.clm.models.clm_due_mixin"):
                        self.env["clm.contract"]._cron_daily()
                    contract.invalidate_recordset()
                    self.assertIn("could not be printed", contract.cron_error)
                self.env["clm.contract"]._cron_daily()
                contract.invalidate_recordset()
                self.assertEqual((contract.signed_attachment_id.raw, contract.cron_error), (PDF, False))
                self.assertEqual(contract._verify(), [])

    def test_signed_file_cannot_be_deleted(self):
        contract = self._create_active()
        for user in (self.user, self.manager):
            with mute_logger("odoo.sql_db"), self.assertRaises(psycopg2.errors.ForeignKeyViolation):
                contract.signed_attachment_id.with_user(user).unlink()
        self.assertTrue(contract.signed_attachment_id.exists())


@tagged("post_install", "-at_install")
class TestVerify(SignatureCase):
    """Whatever is changed behind the back of the contract can be proven; what changed as agreed is no alarm."""

    def _problems(self, contract):
        self.env.flush_all()
        self.env.invalidate_all()
        return " ".join(contract._verify())

    def test_untouched_contract_is_genuine(self):
        contract = self._create_active()
        self.assertEqual(self._problems(contract), "")
        action = contract.with_user(self.viewer).action_verify()
        self.assertEqual(action["params"]["type"], "success")
        self.assertIn(contract.signed_sha256, action["params"]["message"])
        self.assertEqual(contract.audit_ids[0].act, "verified")

    def test_every_change_by_sql_is_found(self):
        changes = {
            "clause": ("UPDATE clm_contract_clause SET body = '<p>Else</p>' WHERE id = %(clause)s",
                       "Clauses were changed: Liability"),
            "title of clause": ("UPDATE clm_contract_clause SET name = 'Else' WHERE id = %(clause)s",
                                "Clauses were changed: Liability"),
            "no clause": ("DELETE FROM clm_contract_clause WHERE id = %(clause)s", "Clauses were changed: Liability"),
            "order": ("UPDATE clm_contract_clause SET sequence = 0 WHERE id = %(clause)s", "Clauses were changed"),
            "price": ("UPDATE clm_contract_line SET price_unit = 1 WHERE contract_id = %(id)s", "Lines .* changed"),
            "quantity": ("UPDATE clm_contract_line SET quantity = 9 WHERE contract_id = %(id)s", "Lines .* changed"),
            "no line": ("DELETE FROM clm_contract_line WHERE contract_id = %(id)s", "Lines .* were changed"),
            "end": ("UPDATE clm_contract SET date_end = date_end + 365 WHERE id = %(id)s", "Dates or terms"),
            "notice": ("UPDATE clm_contract SET notice_count = 0 WHERE id = %(id)s", "Dates or terms"),
            "uplift": ("UPDATE clm_contract SET uplift = 50 WHERE id = %(id)s", "Dates or terms"),
            "renewal": ("UPDATE clm_contract SET renewal_policy = 'none' WHERE id = %(id)s", "Dates or terms"),
            "version": ("UPDATE clm_contract_version SET clauses = '[]' WHERE contract_id = %(id)s",
                        "The text of version 1 was changed"),
            "terms of version": ("UPDATE clm_contract_version SET terms = terms - 'title' WHERE contract_id = %(id)s",
                                 "The text of version 1 was changed"),
            "hash of version": ("UPDATE clm_contract_version SET sha256 = 'x' WHERE contract_id = %(id)s",
                                "The text of version 1 was changed.*|signed another text"),
            "signature": ("UPDATE clm_contract_signature SET sha256 = 'x' WHERE contract_id = %(id)s",
                          "Ursula Us signed another text"),
            "hash of file": ("UPDATE clm_contract SET signed_sha256 = 'x' WHERE id = %(id)s",
                             "The signed file was changed"),
            "no file": ("UPDATE clm_contract SET signed_attachment_id = NULL WHERE id = %(id)s", "no signed file"),
            "no signature": ("DELETE FROM clm_contract_signature WHERE contract_id = %(id)s", "Nobody has signed"),
        }
        for what, (query, sentence) in changes.items():
            contract = self._create_active()
            clause = contract.clause_ids.filtered(lambda clause: clause.name == "Liability")
            self.env.flush_all()
            self.env.cr.execute(SQL(query, id=contract.id, clause=clause.id))
            with self.subTest(what=what):
                self.assertRegex(self._problems(contract), sentence)

    def test_changed_file_is_found(self):
        contract = self._create_active()
        contract.signed_attachment_id.sudo().raw = b"%PDF-1.4 another"
        self.assertEqual(self._problems(contract), "The signed file was changed.")
        action = contract.action_verify()
        self.assertEqual((action["params"]["type"], action["params"]["title"]), ("danger", "Not as signed"))

    def test_nothing_is_proven_before_it_is_signed(self):
        contract = self._create_contract()
        self.assertEqual(contract._verify(), ["Nobody has signed."])

    def test_other_spelling_of_names_is_no_alarm(self):
        contract = self._create_active()
        self.partner.name = "Azure Interior Ltd"
        self.product.name = "Coffee, strong"
        self.env.company.name = "New name"
        self.assertEqual(self._problems(contract), "")

    def test_what_the_contract_foresees_is_no_alarm(self):
        reason = self.env["clm.close.reason"].create({"name": "Moved"})
        terminated = self._create_active()
        terminated.action_terminate(reason.id, self.today + timedelta(days=100), agreed=True)
        self.assertEqual(self._problems(terminated), "")
        terminated.action_withdraw_termination()
        self.assertEqual(self._problems(terminated), "")
        paused = self._create_active()
        paused._suspend("Works", self.today, None, extend_end=True)
        paused.action_resume()
        self.assertEqual(self._problems(paused), "")
        closed = self._create_active()
        closed.action_terminate(reason.id, self.today, agreed=True)
        self.assertEqual(self._problems(closed), "")

    def test_signed_amendment_is_no_alarm_but_later_changes_are(self):
        contract = self._create_active()
        amendment = contract._amend(self.today)
        amendment.line_ids.price_unit = 200
        amendment.clause_ids[2].body = "<p>Unlimited.</p>"
        amendment.notice_count = 2
        self._activate(amendment)
        self.assertEqual((amendment.state, amendment.close_reason), ("closed", "applied"))
        self.assertEqual(contract.notice_count, 2)
        self.assertEqual(self._problems(contract), "")
        self.assertEqual(self._problems(amendment), "")
        self._sql("UPDATE clm_contract_line SET price_unit = 1 WHERE contract_id = %s", contract.id)
        self.assertRegex(self._problems(contract), "Lines of the contract were changed")


@tagged("post_install", "-at_install")
class TestSignedRecords(SignatureCase):
    """Signed contracts, signatures and the audit trail are kept as they are."""

    def test_signed_contract_is_not_deleted(self):
        contract = self._create_active()
        for user in (self.user, self.manager, self.env.user):
            with self._refuse("cannot be deleted"):
                contract.with_user(user).unlink()

    def test_signatures_and_audit_trail_are_for_nobody_to_write(self):
        contract = self._create_active()
        for records in (contract.signature_ids, contract.audit_ids, contract.visit_ids):
            for user in (self.user, self.approver, self.manager):
                record = records[0].with_user(user)
                for act in (
                    lambda record=record: record.write({"user_id": self.user.id}),
                    lambda record=record: record.unlink(),
                    lambda record=record: record.create({"contract_id": contract.id}),
                ):
                    with self.subTest(model=records._name, user=user.login), self._refuse(""):
                        act()

    def test_not_even_the_superuser_changes_them(self):
        contract = self._create_active()
        signature, audit = contract.signature_ids[0].sudo(), contract.audit_ids[0].sudo()
        with self._refuse("A signature cannot be changed"):
            signature.name = "Else"
        with self._refuse("A signature cannot be changed"):
            signature._unlocked().write({"name": "Else"})
        with self._refuse("A signature cannot be deleted"):
            signature.unlink()
        with self._refuse("audit trail cannot be changed"):
            audit._unlocked().write({"name": "Else"})
        with self._refuse("audit trail cannot be deleted"):
            audit.unlink()

    def test_context_of_a_client_sets_nothing_in_them(self):
        contract = self._out().with_context(
            default_signed_at="2001-01-01 00:00:00", default_valid=False, default_date="2001-01-01 00:00:00",
            default_exited_at="2001-01-01 00:00:00", default_ip="1.1.1.1", default_cycle=9,
        )
        signature = contract._sign("them", "Theo", PNG).sudo()
        self.assertEqual((signature.valid, signature.ip), (True, False))
        self.assertGreater(signature.signed_at.year, 2020)
        self.assertGreater(contract.audit_ids[0].date.year, 2020)
        self.assertEqual(len(contract.visit_ids.filtered(lambda visit: not visit.exited_at)), 1)

    def test_unsigned_partner_change_is_possible_signed_is_not(self):
        contract = self._create_contract()
        contract.partner_id = self.other_partner
        self._activate(contract)
        with self._refuse("is signed: Customer or Supplier can no longer be changed"):
            contract.partner_id = self.partner

    def test_contract_with_lines_of_no_text_can_be_signed(self):
        kind = self._create_type(clauses=self.env["clm.clause"])
        contract = self._create_contract(type_id=kind.id, line_ids=[Command.create(self._prepare_line())])
        self.assertFalse(contract.clause_ids)
        self._activate(contract)
        self.assertEqual(contract._verify(), [])


@tagged("post_install", "-at_install")
class TestSigningAtOnce(BaseCase):
    """Two transactions on the real database sign the same contract at the same moment."""

    def _env(self, cr):
        return api.Environment(cr, SUPERUSER_ID, {"tracking_disable": True})

    def setUp(self):
        super().setUp()
        self.registry = Registry(get_db_name())
        with self.registry.cursor() as cr:
            env = self._env(cr)
            self.partner = env["res.partner"].create({"name": "At once"}).id
            contract = env["clm.contract"].create({
                "type_id": env["clm.contract.type"].search([("direction", "=", "customer")], limit=1).id,
                "partner_id": self.partner,
                "line_ids": [Command.create({"name": "Work", "price_unit": 5})],
            })
            contract.action_send()
            self.contract = contract.id
        self.addCleanup(self._remove)

    def _remove(self):
        with self.registry.cursor() as cr:
            for table in ("clm_contract_signature", "clm_contract_audit", "clm_contract_approval"):
                cr.execute(SQL("DELETE FROM %s WHERE contract_id = %s", SQL.identifier(table), self.contract))
            cr.execute(SQL("DELETE FROM clm_contract WHERE id = %s", self.contract))
            env = self._env(cr)
            env["mail.message"].search([("model", "=", "clm.contract"), ("res_id", "=", self.contract)]).unlink()
            env["mail.activity"].search([
                ("res_model", "=", "clm.contract"), ("res_id", "=", self.contract)
            ]).unlink()
            env["res.partner"].browse(self.partner).unlink()

    def test_only_one_of_two_signatures_at_once_is_kept(self):
        barrier = threading.Barrier(2, timeout=60)

        def sign():
            with self.registry.cursor() as cr:
                contract = self._env(cr)["clm.contract"].browse(self.contract)
                self.assertEqual(contract.state, "signature")  # both transactions began
                barrier.wait()
                contract._sign("them", "Theo", PNG)
                contract.env.flush_all()

        with mute_logger("odoo.sql_db"), ThreadPoolExecutor(2) as pool:
            errors = [future.exception(60) for future in [pool.submit(sign) for __ in range(2)]]
        self.assertIn(None, errors)
        # refused with a sentence, or begun anew by Odoo, which then finds it signed
        for error in errors:
            self.assertIsInstance(error, NoneType | UserError | psycopg2.errors.SerializationFailure)
        with self.registry.cursor() as cr:
            contract = self._env(cr)["clm.contract"].browse(self.contract)
            self.assertEqual(contract.signature_ids.mapped("side"), ["them"])
            self.assertEqual(len(contract.visit_ids.filtered(lambda visit: not visit.exited_at)), 1)
