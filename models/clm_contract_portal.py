from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import MissingError, UserError
from odoo.fields import Domain
from odoo.http import request
from odoo.tools import plaintext2html

from ..tools.transitions import (
    ACTIVE,
    APPROVAL,
    BINDING,
    CANCELLED,
    CLOSED,
    DRAFT,
    NEGOTIATION,
    SIGNATURE,
    SIGNED,
    THEM,
    US,
)

#: What portal users may read by RPC; whatever is added to a contract later is hidden from them until it stands here.
PORTAL_FIELDS = frozenset({
    "id", "active", "display_name", "name", "title", "state", "pen", "shared_at", "sign_by", "partner_id",
    "commercial_partner_id", "company_id", "access_url", "access_token", "access_warning", "create_date", "write_date",
    "message_ids", "website_message_ids",
})
IN_FORCE = BINDING | {CLOSED}
MAX_TEXT = 20_000
MAX_CLAUSE = 200_000


class ClmContract(models.Model):
    """What the other party sees and does in the portal. Pages get these plain values, never the record's fields.

    Until a contract is signed, the other party sees it as it was when it was last shared with them: text, lines and
    dates of the version. What we edit meanwhile is ours alone. Afterwards they see what is in force.
    """

    _inherit = "clm.contract"

    # === ACCESS === #

    @api.model
    def _has_field_access(self, field, operation):
        """Portal users read a short list of fields; everything else reaches them through the pages, or not at all."""
        if not self.env.su and self.env.user.share and field.name not in PORTAL_FIELDS:
            return False
        return super()._has_field_access(field, operation)

    def _order_to_sql(self, order, query, alias=None, reverse=False):
        if (not order or order == self._order) and not self.env.su and self.env.user.share:
            order = "id desc"  # the usual order tells our deadlines
        return super()._order_to_sql(order, query, alias, reverse)

    @api.model
    def _get_thread_with_access(self, thread_id, **kwargs):
        """A token opens the messages of a contract that was shared, never those of a draft."""
        # sudo: the visitor may have no rights but the token
        if not self.sudo().browse(thread_id).exists().shared_at:
            kwargs.update(hash=None, pid=None, token=None)
        return super()._get_thread_with_access(thread_id, **kwargs)

    @api.model
    def _portal_filters(self):
        """:return: dict of label and ``Domain`` by key, for the list and the counters of the portal"""
        today = fields.Date.to_string(fields.Date.context_today(self))
        in_time = Domain("sign_by", "=", False) | Domain("sign_by", ">=", today)
        return {
            "all": (self.env._("All"), Domain.TRUE),
            "sign": (self.env._("To sign"), Domain("state", "=", SIGNATURE) & Domain("pen", "=", THEM) & in_time),
            "negotiation": (self.env._("In negotiation"), Domain("state", "in", (DRAFT, NEGOTIATION, APPROVAL))),
            "running": (self.env._("Running"), Domain("state", "in", tuple(BINDING))),
            "ended": (self.env._("Ended"), Domain("state", "in", (CLOSED, CANCELLED))),
        }

    # === VALUES === #

    def _portal_row(self):
        """:return: dict of plain values: the contract in one line"""
        self.ensure_one()
        in_force = self.state in IN_FORCE
        terms = {} if in_force else self._shared_version().terms or {}
        return {
            "id": self.id,
            "url": self.access_url,
            "name": self.name,
            "title": (self.title if in_force else terms.get("title")) or "",
            "company": self.company_id.name,
            "state": self.state,
            "state_label": self._portal_state_label(),
            "date_start": self.date_start if in_force else fields.Date.to_date(terms.get("date_start")),
            "date_end": self.date_end if in_force else fields.Date.to_date(terms.get("date_end")),
            "can_sign": self._portal_can_sign(),
            "can_propose": self.state == NEGOTIATION,
            "their_turn": self.state == NEGOTIATION and self.pen == THEM,
        }

    def _portal_state_label(self):
        """:return: the state in the words of the other party, which need not know who approves what"""
        if self.is_suspended:
            return self.env._("Paused")
        if self.state == SIGNATURE and THEM not in self._sides_to_sign():
            return self.env._("We sign next")
        if self.close_reason == "applied":
            return self.env._("In force")
        return {
            DRAFT: self.env._("Being prepared"),
            NEGOTIATION: self.env._("In negotiation"),
            APPROVAL: self.env._("Being prepared"),
            SIGNATURE: self.env._("To sign"),
            SIGNED: self.env._("Signed"),
            ACTIVE: self.env._("Running"),
            CLOSED: self.env._("Ended"),
            CANCELLED: self.env._("Cancelled"),
        }[self.state]

    def _portal_values(self):
        """Everything that a portal page of this contract shows, and nothing else.

        :return: dict of plain values; see the keys. No risk, notes, margin, approvals or internal names of ours but
            the owner's
        """
        self.ensure_one()
        version = self._shared_version()
        in_force = self.state in IN_FORCE
        terms = self._neutral()._current_terms() if in_force else version.terms or {}
        lines = self._print_lines(terms.get("lines", []))  # in the words of the PDF
        return {
            **self._portal_row(),
            "type": self.type_id.name,
            "party": self.commercial_partner_id.name or "",
            "partner": self.partner_id.display_name if in_force else terms.get("partner", ""),
            "owner": self.user_id.name or "",
            "terms": self._print_terms(terms) if terms else [],
            "sign_by": self.state == SIGNATURE and self.sign_by,
            "sign_expired": self._portal_sign_expired(),
            "waits_for_us": self.state == SIGNATURE and THEM not in self._sides_to_sign(),
            "can_claim": in_force,
            "has_pdf": bool(version),
            "is_signed_pdf": bool(self.signed_attachment_id),
            "clauses": [
                # bodies were sanitised before they were stored
                {"id": clause["id"], "name": clause["name"], "body": Markup(clause["body"])}
                for clause in version.clauses or []
            ],
            "version": version.number,
            "versions": self._portal_version_rows(),
            "lines": lines,
            "totals": self._print_totals(lines),
            "currency": terms.get("currency", ""),
            "signatures": [
                {
                    "name": sign.name, "ours": sign.side == US, "date": sign.signed_at, "paper": sign.method == "paper",
                    "sha256": sign.sha256,
                }
                for sign in self.signature_ids.filtered("valid")
            ],
            "signed_sha256": self.signed_sha256 or "",
            "obligations": [duty._portal_values() for duty in self.obligation_ids if duty.state != "cancelled"]
            if in_force else [],
            "claims": [claim._portal_values() for claim in self.claim_ids if claim.side == THEM],
        }

    def _portal_versions(self):
        """:return: versions that the other party may see: theirs, and those of ours that were shared; oldest first"""
        self.ensure_one()
        return self.sudo().version_ids.filtered(  # sudo: portal users have no rights on versions
            lambda version: version.side == THEM or version.shared_at
        ).sorted("number")

    def _portal_version_rows(self):
        rows = []
        for version in self._portal_versions():
            before = rows[-1]["number"] if rows else 0
            theirs = version.side == THEM
            rows.append({
                "id": version.id,
                "number": version.number,
                "ours": not theirs,
                "author": version.author_name or "" if theirs else self.company_id.name,
                "date": version.date if theirs else version.shared_at,
                "note": version.note or "" if theirs else "",
                # counted against the version before, which may be internal
                "inserted": version.inserted if before == version.number - 1 > 0 else None,
                "deleted": version.deleted if before == version.number - 1 > 0 else None,
                "before_id": rows[-1]["id"] if rows else None,
            })
        return rows

    def _portal_redline(self, old_id=None, new_id=None):
        """Compare two versions that the other party may see.

        :param old_id: id of the older one; default: the one before the newer
        :param new_id: id of the newer one; default: the last
        :return: dict of plain values
        :raise MissingError: when one of them is of another contract, or was not shared
        """
        versions = self._portal_versions()
        if not versions:
            raise MissingError(self.env._("This version does not exist."))
        new = versions.filtered(lambda version: version.id == new_id) if new_id else versions[-1]
        earlier = versions.filtered(lambda version: version.number < new.number)
        old = versions.filtered(lambda version: version.id == old_id) if old_id else earlier[-1:] or versions[:1]
        if not new or not old:
            raise MissingError(self.env._("This version does not exist."))
        change = new._redline(old)
        return {
            "old_id": old.id, "new_id": new.id, "inserted": change.inserted, "deleted": change.deleted,
            "same": change.same, "html": Markup(change.html),  # marked by us in sanitised text
        }

    def _portal_sign_expired(self):
        return bool(
            self.state == SIGNATURE and THEM in self._sides_to_sign() and self.sign_by and self._today() > self.sign_by
        )

    def _portal_can_sign(self):
        return bool(
            self.state == SIGNATURE and THEM in self._sides_to_sign() and not self._portal_sign_expired()
        )

    # === ACTS === #

    @api.model
    def _portal_text(self, text, limit=MAX_TEXT):
        """:return: what somebody wrote in a form; :raise UserError: when it is too long"""
        text = text.strip() if isinstance(text, str) else ""
        if len(text) > limit:
            raise UserError(self.env._("This text is too long (more than %(limit)s characters).", limit=limit))
        return text

    def _portal_propose(self, bodies, note, author, **client):
        """Keep the wording that the other party proposes.

        :param dict bodies: HTML by id of the clause, as the client sent it
        :param author: ``res.partner`` who proposes
        :param client: ``ip`` and ``user_agent``
        :raise UserError: when it is no such dict, or cannot be proposed now
        """
        self.ensure_one()
        self._lock()
        try:
            bodies = {int(key): self._portal_text(body, MAX_CLAUSE) for key, body in bodies.items()}
        except (AttributeError, TypeError, ValueError) as error:
            raise UserError(self.env._("This proposal cannot be read. Reload the page and try again.")) from error
        note = self._portal_text(note, 2000)
        version = self._propose(bodies, note or False, author)
        self._audit("proposed", name=author.name, note=note or None, **client)
        return version

    def _portal_decline(self, reason, author, **client):
        """The other party does not sign, and says why: to us and in the conversation."""
        reason = self._portal_text(reason, 2000)
        if self.state == SIGNATURE and THEM not in self._sides_to_sign():
            raise UserError(self.env._("You have signed already. Send us a message if something must change."))
        self._decline(reason, name=author.name, **client)
        self.with_context(clm_audited=True).message_post(
            body=plaintext2html(reason), author_id=author.id, message_type="comment", subtype_xmlid="mail.mt_comment",
        )

    def _portal_claim(self, name, description, obligation_id, author, **client):
        """The other party complains about a contract in force, or about one of its obligations."""
        if self.state not in IN_FORCE:
            raise UserError(self.env._("Claims are for contracts in force. Send a message instead."))
        obligation = self.obligation_ids.filtered(lambda duty: str(duty.id) == str(obligation_id))
        if obligation_id and not obligation:
            raise UserError(self.env._("This obligation belongs to another contract."))
        return self._raise_claim(
            self._portal_text(name, 200), plaintext2html(self._portal_text(description)), obligation,
            by=author.name, **client,
        )

    def _portal_obligation(self, obligation_id):
        """:return: ``clm.obligation`` of this contract that the other party may confirm; :raise UserError: if none"""
        duty = self.obligation_ids.filtered(lambda duty: duty.id == obligation_id and duty.state != "cancelled")
        if not duty or self.state not in IN_FORCE:
            raise UserError(self.env._("This obligation does not exist."))
        return duty

    def _portal_answer_claim(self, claim_id, answer, author, **client):
        """The other party accepts our answer to its claim, or wants it decided higher up.

        :param str answer: ``accept`` or ``escalate``
        :raise UserError: when there is no such claim of theirs, or it cannot be done in its state
        """
        claim = self.claim_ids.filtered(lambda claim: claim.id == claim_id and claim.side == THEM)
        if not claim:
            raise UserError(self.env._("This claim does not exist."))
        if answer == "accept":
            if claim.state != "answered":
                raise UserError(self.env._("There is no answer that you could accept."))
            claim._settle()
            self._audit("settled", name=author.name, note=claim.name, **client)
        else:
            if claim.state not in ("open", "answered"):
                raise UserError(self.env._("“%(claim)s” cannot be escalated any more.", claim=claim.name))
            claim._escalate()
            self._audit("escalated", name=author.name, note=claim.name, **client)

    def _get_report_base_filename(self):
        self.ensure_one()
        return f"{self.name} {self.title or ''}".strip().replace("/", "-")

    # === CONVERSATION === #

    def _message_post_after_hook(self, message, msg_vals):
        """A comment of the other party passes the pen to us, and stands in the audit trail."""
        res = super()._message_post_after_hook(message, msg_vals)
        contract = self.sudo()  # sudo: customers comment on contracts that they cannot write
        author = message.sudo().author_id
        if (
            message.message_type in ("comment", "email")
            and author
            and author.commercial_partner_id == contract.commercial_partner_id
            and contract.shared_at
            and not self.env.context.get("clm_audited")
        ):
            if contract.state == NEGOTIATION:
                contract._set_pen(US)
            client = contract._client() if message.message_type == "comment" else {}
            contract._audit("commented", name=author.name, **client)
        return res

    @api.model
    def _client(self):
        """:return: dict of ``ip`` and ``user_agent`` of the request, empty outside of one"""
        if not request:
            return {}
        return {"ip": request.httprequest.remote_addr, "user_agent": request.httprequest.user_agent.string}

    def _notify_get_recipients_groups(self, message, model_description, msg_vals=False):
        """Recipients of the other party get a button to the page of the contract, once it is shared."""
        groups = super()._notify_get_recipients_groups(message, model_description, msg_vals=msg_vals)
        if not self:
            return groups
        self.ensure_one()
        contract = self.sudo()
        for name, __, options in groups:
            if name not in ("portal_customer", "portal"):
                continue
            if not contract.shared_at:
                options["has_button_access"] = False
            elif contract._portal_can_sign():
                options.setdefault("button_access", {})["title"] = self.env._("Read and sign")
        return groups

    def action_preview(self):
        """Open the contract as the other party sees it.

        :raise UserError: when they do not see it yet
        """
        self.ensure_one()
        self.check_access("read")
        if not self.shared_at:
            raise UserError(self.env._(
                "The other party does not see %(contract)s yet. Share it first.", contract=self.display_name,
            ))
        return {"type": "ir.actions.act_url", "target": "self", "url": self.get_portal_url()}


class ClmObligation(models.Model):
    _inherit = "clm.obligation"

    def _portal_values(self):
        """:return: dict of plain values for the page of the contract"""
        self.ensure_one()
        theirs = self.side == THEM
        return {
            "id": self.id,
            "name": self.name,
            "theirs": theirs,
            "date_due": self.date_due,
            "done_on": self.done_on,
            "result": self.result,
            "result_label": {
                "open": self.env._("Open"),
                "missed": self.env._("Overdue"),
                "ontime": self.env._("Done"),
                "late": self.env._("Done late"),
                "waived": self.env._("Waived"),
                "cancelled": self.env._("Cancelled"),
            }[self.result],
            "can_confirm": theirs and self.state == "open",
        }


class ClmClaim(models.Model):
    _inherit = "clm.claim"

    def _portal_values(self):
        """:return: dict of plain values for the page of the contract; an answer only once it was sent"""
        self.ensure_one()
        return {
            "id": self.id,
            "name": self.name,
            "description": self.description or "",
            "about": self.obligation_id.name or "",
            "date": self.date_open,
            "due": self.state in ("open", "escalated") and self.date_due,
            "state": self.state,
            "state_label": dict(self._fields["state"]._description_selection(self.env))[self.state],
            "answer": (self.answer or "") if self.state in ("answered", "accepted") else "",
            "can_accept": self.state == "answered",
            "can_escalate": self.state in ("open", "answered"),
        }
