import base64
import binascii
import hashlib
import io
import logging
import struct

from PIL import Image, UnidentifiedImageError

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import consteq

from ..const import SIDES, SIGNATURES
from ..tools.transitions import APPROVAL, DRAFT, NEGOTIATION, SIGNATURE, SIGNED, THEM, US

_logger = logging.getLogger(__name__)

MAX_SIGNATURE_BYTES = 1_000_000
MAX_SIGNATURE_SIDE = 5000
MAX_SIGNATURE_PIXELS = 8_000_000
MAX_PAPER_BYTES = 25_000_000
IMAGE_FORMATS = ("PNG", "JPEG", "GIF")
# callers outside the portal may name the other side by its role
SIDE_ALIASES = {"customer": THEM, "supplier": THEM}


# what nothing changes once it is signed; names of partners and products may be spelled in another way later
FIXED_TERMS = ("number", "title", "currency", "date_start", "notice", "minimum_months", "renewal")
NAMES_OF_LINES = ("product", "taxes")


def _comparable(lines):
    return [{key: value for key, value in line.items() if key not in NAMES_OF_LINES} for line in lines]


def _changed_clauses(kept, now):
    """:return: titles of the clauses of two contents that were changed, added, removed or moved"""
    if [clause["id"] for clause in kept] == [clause["id"] for clause in now]:
        return [
            old["name"] for old, new in zip(kept, now, strict=True)
            if (old["name"], old["source"]) != (new["name"], new["source"])
        ]
    known = {(clause["id"], clause["name"], clause["source"]) for clause in kept}
    found = {(clause["id"], clause["name"], clause["source"]) for clause in now}
    return list(dict.fromkeys(name for __, name, __ in sorted(known ^ found or known)))


class ClmContractSignature(models.Model):
    """One side's signature under one version: who, when, from where, and the hash of what was signed."""

    _name = "clm.contract.signature"
    _description = "Contract Signature"
    _inherit = "clm.door.mixin"
    _order = "contract_id, signed_at, id"
    _rec_name = "name"

    contract_id = fields.Many2one("clm.contract", required=True, readonly=True, ondelete="restrict", index=True)
    company_id = fields.Many2one(related="contract_id.company_id", store=True)
    version_id = fields.Many2one("clm.contract.version", required=True, readonly=True, ondelete="restrict", index=True)
    side = fields.Selection(SIDES, required=True, readonly=True)
    name = fields.Char("Signed By", required=True, readonly=True)
    signature = fields.Binary(attachment=True, readonly=True)
    method = fields.Selection(
        [("drawn", "Drawn or typed"), ("paper", "On paper")], required=True, readonly=True, default="drawn"
    )
    signed_at = fields.Datetime(required=True, readonly=True, default=fields.Datetime.now)
    user_id = fields.Many2one("res.users", readonly=True)
    ip = fields.Char("IP Address", readonly=True)
    user_agent = fields.Char("Browser", readonly=True)
    sha256 = fields.Char("SHA-256 of the Text", required=True, readonly=True)
    valid = fields.Boolean(default=True, readonly=True, help="Not set when the contract went back to negotiation.")

    _side_uniq = models.UniqueIndex("(contract_id, side) WHERE valid", "This side signed already.")

    def write(self, vals):
        if not self._is_unlocked() or vals.keys() - {"valid"}:
            raise UserError(self.env._("A signature cannot be changed."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_signed(self):
        raise UserError(self.env._("A signature cannot be deleted."))


class ClmContract(models.Model):
    """Signing a contract, on screen or on paper, and proving later what was signed."""

    _inherit = "clm.contract"

    signature_required = fields.Selection(
        SIGNATURES,
        string="Signatures Needed", required=True,
        compute="_compute_from_type", store=True, readonly=False, precompute=True,
    )
    signature_ids = fields.One2many("clm.contract.signature", "contract_id", string="Signatures", readonly=True)
    sign_by = fields.Date(
        "Sign Until", readonly=True, copy=False, tracking=True, help="Later the other party can no longer sign."
    )
    signed_attachment_id = fields.Many2one(
        "ir.attachment", "Signed PDF", readonly=True, copy=False, index="btree_not_null", ondelete="restrict",
        groups="base.group_user",
    )
    signed_sha256 = fields.Char(
        "SHA-256 of the Signed PDF", readonly=True, copy=False, groups="base.group_user"
    )

    def _sides_to_sign(self):
        """:return: the sides whose signature is still missing, the other party first"""
        self.ensure_one()
        required = {"both": (THEM, US), "them": (THEM,), "us": (US,), "none": ()}[self.signature_required]
        signed = set(self.sudo().signature_ids.filtered("valid").mapped("side"))  # sudo: portal users sign as well
        return [side for side in required if side not in signed]

    def _sign(self, side, name, signature, ip=None, user_agent=None, method="drawn"):
        """Sign the text that is out for signature, for one side. The last signature concludes the contract.

        :param str side: ``us`` or ``them``
        :param str name: who signs, as they write it
        :param signature: base64 of a PNG, JPEG or GIF image, at most 1 MB; ``None`` on paper
        :param ip: address of the client
        :param user_agent: its browser
        :param str method: ``drawn`` (also typed) or ``paper``
        :return: ``clm.contract.signature``
        :raise UserError: when this cannot be signed now, or the signature is no image
        """
        self.ensure_one()
        side = SIDE_ALIASES.get(side, side)
        if side == US:
            self.check_access("write")
        self._lock()
        self._check_can_sign(side, method)
        name = " ".join((name or "").split())
        if not name:
            raise UserError(self.env._("Write your name to sign."))
        image = self._checked_signature(signature) if method == "drawn" else None
        record = self._put_signature(side, name, method, signature=image, ip=ip, user_agent=user_agent)
        self._audit("signed" if method == "drawn" else "paper", name=name, ip=ip, user_agent=user_agent)
        missing = self._sides_to_sign()
        if missing:
            self._set_pen(missing[0])
            if missing[0] == US:
                self._notify_owner(self.env._("%(name)s signed: sign for your side", name=name))
        else:
            self.sudo()._conclude()  # sudo: the customer's signature may be the last one
        return record

    def _put_signature(self, side, name, method, signature=None, ip=None, user_agent=None):
        """:return: the signature under the text that both sides see; :raise UserError: when that was altered"""
        version = self._shared_version()
        if not version._is_genuine():
            raise UserError(self.env._("The text of this contract was altered. It cannot be signed."))
        # sudo: signatures are written here alone; customers sign through the portal
        return self.env["clm.contract.signature"].sudo().create({
            "contract_id": self.id,
            "version_id": version.id,
            "side": side,
            "name": name[:120],
            "signature": signature,
            "method": method,
            "user_id": self.env.uid,
            "ip": (ip or "")[:64] or False,
            "user_agent": (user_agent or "")[:300] or False,
            "sha256": version.sha256,
        })

    def _check_can_sign(self, side, method):
        if side not in (US, THEM):
            raise UserError(self.env._("A contract is signed for “us” or for “them”."))
        if self.state != SIGNATURE:
            raise UserError(self.env._(
                "%(contract)s is not waiting for a signature.", contract=self.display_name,
            ))
        if side not in self._sides_to_sign():
            raise UserError(self.env._("%(contract)s is signed for this side already.", contract=self.display_name))
        if side == THEM and method == "drawn" and self.sign_by and self._today() > self.sign_by:
            raise UserError(self.env._(
                "The time to sign ended on %(day)s. Ask for a new signature request.",
                day=fields.Date.to_string(self.sign_by),
            ))

    @api.model
    def _checked_signature(self, signature):
        """:return: the signature as base64; :raise UserError: when it is no small image"""
        no_image = self.env._("The signature is not an image. Draw or type it again.")
        if not signature or not isinstance(signature, str | bytes):
            raise UserError(self.env._("Draw or type your signature."))
        if isinstance(signature, str):
            signature = signature.partition(";base64,")[2] or signature  # a data URL, as canvases give it
        if len(signature) > MAX_SIGNATURE_BYTES * 4 // 3 + 4:
            raise UserError(self.env._("The signature is too large (more than 1 MB). Draw or type it again."))
        try:
            content = base64.b64decode(signature, validate=True)
            with Image.open(io.BytesIO(content), formats=IMAGE_FORMATS) as image:
                width, height = image.size
                if max(width, height) > MAX_SIGNATURE_SIDE or width * height > MAX_SIGNATURE_PIXELS:
                    raise UserError(self.env._("The signature is too large. Draw or type it again."))
                image.verify()
            with Image.open(io.BytesIO(content), formats=IMAGE_FORMATS) as image:
                image.load()  # what cannot be read could not be printed
        except (
            binascii.Error, ValueError, UnidentifiedImageError, OSError, SyntaxError, struct.error, EOFError,
            Image.DecompressionBombError,
        ) as error:
            raise UserError(no_image) from error
        return base64.b64encode(content)

    def _conclude(self):
        """All have signed: put the contract into force if its day has come, and store the signed PDF."""
        self.ensure_one()
        self._set_state(SIGNED, act="sign", signed_on=self._today())
        if self.date_start <= self._today():
            self._activate()
        # after the moves, each of which ends the to-dos of the state before
        self._store_signed_pdf()
        self._mail("clm.mail_template_contract_signed")
        self._notify_owner(self.env._("Signed by all sides"))

    def _void_signatures(self):
        """The text goes back to negotiation: what was signed under it no longer counts, and stays as a record."""
        valid = self.sudo().signature_ids.filtered("valid")
        valid.with_env(self.sudo()._unlocked().env).write({"valid": False})

    def _decline(self, reason, name=None, ip=None, user_agent=None):
        """The other side does not sign: back to negotiation.

        :param str reason: what is to change
        :raise UserError: without a reason, or when nothing is to be signed
        """
        self.ensure_one()
        self._lock()
        if self.state != SIGNATURE:
            raise UserError(self.env._(
                "%(contract)s is not waiting for a signature.", contract=self.display_name,
            ))
        if not (reason or "").strip():
            raise UserError(self.env._("Say why you decline, so that the text can be changed."))
        contract = self.sudo()  # sudo: customers decline in the portal
        contract._audit("declined", name=name, ip=ip, user_agent=user_agent, note=reason)
        contract._set_state(NEGOTIATION, pen=US, act="decline")
        contract._notify_owner(self.env._("%(name)s declined to sign", name=name or self.env.user.name), reason)

    def _sign_on_paper(self, filename, content, name_us, name_them, date):
        """Conclude a contract that was signed on paper.

        :param str filename: of the scan
        :param bytes content: the scan, a PDF or image of at most 25 MB
        :param str name_us: who signed for us
        :param str name_them: who signed for the other side
        :param date date: the day of the last signature
        """
        self.ensure_one()
        self.check_access("write")
        if not content:
            raise UserError(self.env._("Attach the signed copy."))
        if len(content) > MAX_PAPER_BYTES:
            raise UserError(self.env._("The file is too large (more than 25 MB)."))
        if not content.startswith((b"%PDF", b"\x89PNG", b"\xff\xd8\xff")):
            raise UserError(self.env._("Attach the signed copy as a PDF, PNG or JPEG file."))
        if date > self._today():
            raise UserError(self.env._("The day of the signature lies in the future."))
        if self.state in (DRAFT, NEGOTIATION, APPROVAL):
            self._check_ready()
            self._check_approved()
            self._snapshot()
            self._set_state(SIGNATURE, act="send")
        self._check_move(SIGNED, "sign")
        self._lock()
        names = {US: name_us, THEM: name_them}
        for side in self._sides_to_sign():
            name = " ".join((names[side] or "").split())
            self._put_signature(side, name or self.env._("On paper"), "paper")
        self._set_state(SIGNED, act="sign", signed_on=date)
        self._keep_signed_file(filename, content)
        self._audit("paper", note=filename)
        if self.date_start <= self._today():
            self._activate()

    # === PROOF === #

    def _store_signed_pdf(self):
        """Print the signed contract with its audit page and keep it with its hash.

        A printer that fails must not undo a signature: the error stands on the record and the daily run tries again.
        """
        self.ensure_one()
        try:
            with self.env.cr.savepoint():
                report = self.env["ir.actions.report"].sudo()  # sudo: the customer may be the last to sign
                content, __ = report._render_qweb_pdf("clm.action_report_contract", self.ids)
                self._keep_signed_file(f"{self._get_report_base_filename()}.pdf", content)
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise  # all of it begins anew, the signature as well
        except Exception as error:
            _logger.warning("The signed PDF of %s could not be printed", self.name, exc_info=True)
            self._record_error(self.env._("The signed PDF could not be printed: %(error)s", error=error))

    def _keep_signed_file(self, filename, content):
        # sudo: the file belongs to the contract, whoever signed last
        attachment = self.env["ir.attachment"].sudo().create({
            "name": filename, "raw": content, "res_model": self._name, "res_id": self.id,
        })
        self.sudo()._unlocked().write({
            "signed_attachment_id": attachment.id, "signed_sha256": hashlib.sha256(content).hexdigest(),
        })

    def _verify(self):
        """Prove what was signed.

        :return: list of sentences that say what no longer fits; empty when text, signatures and file are genuine
        """
        self.ensure_one()
        contract = self.sudo()  # sudo: whoever may read a contract may verify it
        signatures = contract.signature_ids.filtered("valid")
        if not signatures:
            return [self.env._("Nobody has signed.")]
        problems = [
            self.env._("%(name)s signed another text.", name=signature.name)
            for signature in signatures if not consteq(signature.version_id.sha256, signature.sha256)
        ]
        problems += contract._verify_content(signatures.version_id.sorted("number")[-1:])
        attachment = contract.signed_attachment_id
        if not attachment:
            problems.append(self.env._("There is no signed file."))
        elif not consteq(hashlib.sha256(attachment.raw or b"").hexdigest(), contract.signed_sha256 or ""):
            problems.append(self.env._("The signed file was changed."))
        return list(dict.fromkeys(problems))

    def _verify_content(self, signed):
        """Compare the contract with what was signed or, where signed amendments changed it since, with the version
        that they made.

        :param signed: ``clm.contract.version`` that was signed
        :return: list of sentences about what differs
        """
        amended = self.amendment_ids.filtered(lambda amendment: amendment.close_reason == "applied")
        valid = signed | (self.version_ids.sorted("number")[-1:] if amended else signed.browse())
        problems = [
            self.env._("The text of version %(number)s was changed.", number=version.number)
            for version in valid if not version._is_genuine()
        ]
        version = valid.sorted("number")[-1:]
        clauses, terms, agreed = *self._current_content(), version.terms or {}
        if changed := _changed_clauses(version.clauses or [], clauses):
            problems.append(self.env._("Clauses were changed: %(titles)s.", titles=", ".join(changed)))
        if _comparable(agreed.get("lines", [])) != _comparable(terms["lines"]):
            problems.append(self.env._("Lines of the contract were changed."))
        fixed = FIXED_TERMS if self._end_may_move() else (*FIXED_TERMS, "date_end")
        if any(agreed.get(key) != terms[key] for key in fixed):
            problems.append(self.env._("Dates or terms of the contract were changed."))
        return problems

    def _end_may_move(self):
        """:return: whether the end of the contract may differ from what was signed, as its own terms foresee"""
        return bool(
            self.terminated_on or self.renewal_policy == "evergreen" or self.suspension_ids.filtered("extended_days")
        )

    def action_verify(self):
        """Tell whether text, signatures and file still are what was signed."""
        self.ensure_one()
        self.check_access("read")
        problems = self._verify()
        self._audit("verified", note=" ".join(problems) or None)
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "danger" if problems else "success",
                "sticky": bool(problems),
                "title": self.env._("Not as signed") if problems else self.env._("Genuine"),
                "message": " ".join(problems) or self.env._(
                    "Text, signatures and signed file are unchanged. SHA-256 of the file: %(hash)s",
                    hash=self.sudo().signed_sha256,
                ),
            },
        }
