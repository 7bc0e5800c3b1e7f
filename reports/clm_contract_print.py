import base64
import re

from markupsafe import Markup, escape

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import format_amount, format_date, format_datetime, formatLang

from ..tools import recurrence
from ..tools.transitions import BINDING, CANCELLED, CLOSED, EDITABLE, SIGNATURE, THEM, US

# what belongs to the making of the contract; what was done under it later is not part of its signed copy
AUDITED_ACTS = ("viewed", "downloaded", "commented", "proposed", "signed", "declined", "paper")
# the text of these is the last version
CONCLUDING = frozenset({SIGNATURE, *BINDING, CLOSED})
BODY_HEADING = re.compile(r"<(/?)h[1-6]\b")
HIGH_HEADING = re.compile(r"<(/?)h[12]\b")


class ClmContract(models.Model):
    """What the printed contract says. Its template gets these plain values, in the language of the environment."""

    _inherit = "clm.contract"

    def _print_values(self):
        """Hook: everything that the printed contract shows.

        :return: dict; ``amendment`` is None but for an amendment, ``audit`` is None until somebody signed
        """
        self.ensure_one()
        version, clauses, terms = self._printed_content()
        lines = self._print_lines(terms["lines"])
        return {
            "title": terms["title"],
            "number": terms["number"],
            "status": self._print_status(version, clauses, terms),
            "ground": self._print_ground(),
            "parties": self._print_parties(),
            "terms": self._print_terms(terms),
            "clauses": [{**clause, "body": self._print_body(clause["body"])} for clause in clauses],
            "lines": lines,
            "has_discount": any(line["discount"] for line in lines),
            "has_taxes": any(line["taxes"] for line in lines),
            "totals": self._print_totals(lines),
            "changed_by": self._print_amendments(version),
            "signatures": self._print_signatures(),
            "amendment": self._print_amendment(clauses, terms) if self.amends_id else None,
            "audit": self._print_audit(),
        }

    # === CONTENT === #

    def _printed_content(self):
        """Find the text to print: what was signed, else what was concluded or shared, else what is being written.

        The other party gets what was shared with it, never our work in progress. ``clm_version_id`` in the context
        names the version to print as long as nobody signed.

        :return: triple (``clm.contract.version`` or none of them, clauses, terms), clauses and terms as versions
            keep them
        """
        version = self._printed_version()
        if version:
            return version, version.clauses, version.terms
        if self.env.user.share:
            raise UserError(self.env._("This contract was not shared yet."))
        return version, *self._current_content()

    def _printed_version(self):
        contract = self.sudo()  # sudo: portal users have no rights on versions and signatures, and print their own only
        versions = contract.version_ids.sorted("number")
        signed = contract.signature_ids.filtered("valid").version_id
        asked = versions.filtered(lambda version: version.id == self.env.context.get("clm_version_id"))
        if signed or asked:
            return (signed or asked).sorted("number")[-1:]
        if self.state in CONCLUDING:
            return versions[-1:]
        return self._shared_version() if self.env.user.share else versions.browse()

    def _print_mark(self):
        """:return: what stands across a contract that binds nobody; empty once it may be signed"""
        if self.state == CANCELLED:
            return self.env._("CANCELLED")
        return self.env._("DRAFT") if self.state in EDITABLE else ""

    def _print_status(self, version, clauses, terms):
        """:return: the mark in the head of the document, with the version that a draft is"""
        mark = self._print_mark()
        if self.state not in EDITABLE:
            return mark
        if version:
            return self.env._("%(draft)s, version %(number)s", draft=mark, number=version.number)
        last = self.version_ids.filtered(lambda kept: kept.side == US).sorted("number")[-1:]
        if not last:
            return mark
        kept = [(clause["name"], clause["source"]) for clause in last.clauses]
        if kept == [(clause["name"], clause["source"]) for clause in clauses] and last.terms == terms:
            return self.env._("%(draft)s, version %(number)s", draft=mark, number=last.number)
        return self.env._("%(draft)s, changed after version %(number)s", draft=mark, number=last.number)

    def _print_ground(self):
        """:return: address of a picture with the mark, large and pale, for the ground of every page; or empty"""
        mark = self._print_mark()
        if not mark:
            return ""
        svg = (
            '<svg xmlns="http://www.w3.org/2000/svg" width="800" height="440">'
            '<text x="400" y="220" transform="rotate(-30 400 220)" text-anchor="middle" font-family="sans-serif" '
            f'font-size="46" font-weight="bold" fill="#e9e9e9">{escape(mark)}</text></svg>'
        )
        return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"

    def _print_body(self, body, heading=BODY_HEADING):
        """:return: markup of sanitised text, with its headings below those of the document

        Odoo cuts a print of several records into one file each at its highest headings.
        """
        return Markup(heading.sub(r"<\1h6", body))

    def _print_amendments(self, version):
        """:return: what changed this contract after the printed version, as list of dicts"""
        applied = self.amendment_ids.filtered(lambda amendment: amendment.close_reason == "applied")
        later = applied.filtered(lambda amendment: min(amendment.sudo().version_ids.ids, default=0) > version.id)
        return [
            {"name": amendment.display_name, "date": format_date(self.env, amendment.date_start)}
            for amendment in later.sorted("id")
        ] if version else []

    # === PARTIES AND TERMS === #

    def _print_parties(self):
        """:return: both parties, ours first: dicts with name, contact, address (list of lines), VAT label and number"""
        company = self.company_id.sudo().partner_id  # sudo: portal users print their contracts
        partner = self.partner_id.sudo()
        return [
            self._print_party(company, company),
            self._print_party(partner.commercial_partner_id, partner),
        ]

    def _print_party(self, entity, contact):
        address = contact._display_address(without_company=True)
        return {
            "name": entity.name or contact.name or "",
            "contact": contact.name if contact != entity and contact.name else "",
            "address": [line.strip() for line in address.split("\n") if line.strip()],
            "vat_label": entity.country_id.vat_label or self.env._("VAT number"),
            "vat": entity.vat or "",
        }

    def _print_terms(self, terms):
        """:return: the key terms, as list of dicts with key, label and value"""
        end = fields.Date.to_date(terms["date_end"])
        words = self._print_term_words(terms)
        billing = list(dict.fromkeys(
            self._print_billing(line["recurrence"]) for line in terms["lines"] if "once" not in line["recurrence"]
        ))
        rows = [
            ("date_start", self.env._("Start"), format_date(self.env, terms["date_start"])),
            ("date_end", self.env._("End"), format_date(self.env, end) if end else self.env._("No fixed date")),
            ("minimum", self.env._("Minimum term"), words["minimum"]),
            ("notice", self.env._("Notice period"), words["notice"]),
            ("renewal", self.env._("At the end"), words["renewal"]),
            ("uplift", self.env._("Price increase at renewal"), words["uplift"]),
            ("billing", self.env._("Billing"), "; ".join(billing)),
        ]
        return [{"key": key, "label": label, "value": self._sentence(value)} for key, label, value in rows if value]

    def _print_term_words(self, terms):
        """:return: what a version keeps as codes, in words"""
        count, unit = terms["notice"].split()
        policy, limit, months, uplift = terms["renewal"].split()
        # a record in memory says it in the same words as everywhere else
        words = self.new({
            "type_id": self.type_id.id, "term_months": self.term_months, "notice_count": int(count),
            "notice_unit": unit, "renewal_policy": policy, "renewal_limit": int(limit), "renewal_months": int(months),
        })
        notice, renewal = words._describe_notice(), words._describe_renewal()
        end = fields.Date.to_date(terms["date_end"])
        if end and int(count):
            notice = self.env._(
                "%(notice)s (at the latest on %(day)s)",
                notice=notice,
                day=format_date(self.env, recurrence.notice_deadline(end, int(count), unit)),
            )
        if policy == "auto" and int(limit):
            renewal = self.env._("%(renewal)s, at most %(count)s times", renewal=renewal, count=int(limit))
        return {
            "minimum": self._describe_months(terms["minimum_months"]),
            "notice": notice,
            "renewal": renewal,
            "uplift": self._print_percent(float(uplift)) if policy in ("manual", "auto") else "",
        }

    def _print_percent(self, value):
        if not value:
            return ""
        number = formatLang(self.env, value, digits=2)
        return f"{number.rstrip('0').rstrip('.,')} %"

    def _sentence(self, text):
        return text[:1].upper() + text[1:]

    # === PRICES === #

    def _print_lines(self, contents):
        """Describe price lines as a version keeps them.

        :return: list of dicts of texts; ``amount`` is a number
        """
        return [
            self._print_line(content, line)
            for content, line in zip(contents, self._lines_like(contents), strict=True)
        ]

    def _lines_like(self, contents):
        """:return: for each line that a version keeps the record that it means, which an amendment may have ended"""
        def key(content):
            return tuple(content[name] for name in ("name", "quantity", "price_unit", "discount", "recurrence"))

        records = {}
        for line in self.line_ids:
            records.setdefault(key(line._content()), []).append(line)
        none = self.line_ids.browse()
        # of several that look the same, each is meant once
        return [found.pop(0) if (found := records.get(key(content))) else none for content in contents]

    def _print_line(self, content, line):
        quantity, price, discount = (float(content[key]) for key in ("quantity", "price_unit", "discount"))
        start, end = (format_date(self.env, content[key]) for key in ("date_start", "date_end"))
        # without its line, as if the price were without taxes
        amount = line.price_subtotal if line else self.currency_id.round(quantity * price * (1 - discount / 100))
        number = formatLang(self.env, quantity, dp="Product Unit")
        return {
            "name": content["name"],
            "quantity": re.sub(r"[.,]0+$", "", number),
            "price": formatLang(self.env, price, dp="Product Price"),
            "discount": self._print_percent(discount),
            "taxes": ", ".join(content["taxes"]),
            "billing": self._print_billing(content["recurrence"]),
            "period": self._print_recurrence(content["recurrence"]),
            "amount": amount,  # without taxes
            "amount_text": format_amount(self.env, amount, self.currency_id),
            "from": self.env._("From %(day)s", day=start) if start else "",
            "until": self.env._("Until %(day)s", day=end) if end else "",
        }

    def _print_recurrence(self, recurrence_code):
        count, unit, __ = recurrence_code.split()
        return self.type_id.new({"recurrence_interval": int(count), "recurrence_unit": unit})._describe_recurrence()

    def _print_billing(self, recurrence_code):
        """:return: "every month, in advance" """
        *__, unit, billing = recurrence_code.split()
        labels = dict(self.line_ids._fields["billing"]._description_selection(self.env))
        period = self._print_recurrence(recurrence_code)
        return period if unit == "once" else f"{period}, {labels[billing].lower()}"

    def _print_totals(self, lines):
        """:return: list of pairs (period in words, amount as text), in the order of the lines"""
        sums = {}
        for line in lines:
            sums[line["period"]] = sums.get(line["period"], 0.0) + line["amount"]
        return [
            (self._sentence(period), format_amount(self.env, amount, self.currency_id))
            for period, amount in sums.items()
        ]

    # === SIGNATURES === #

    def _print_signatures(self):
        """:return: a block for each side that signs, ours first: dicts; ``name`` is empty where nobody signed yet"""
        signed = {sign.side: sign for sign in self.sudo().signature_ids.filtered("valid")}  # sudo: as in the text
        sides = {"both": (US, THEM), "us": (US,), "them": (THEM,), "none": ()}[self.signature_required]
        ours, theirs = self._print_parties()
        blocks = []
        for side, party in ((US, ours), (THEM, theirs)):
            sign = signed.get(side)
            if not sign and side not in sides:
                continue
            blocks.append({
                "party": party["name"],
                "name": sign.name if sign else "",
                "image": sign.signature if sign else False,
                "paper": bool(sign and sign.method == "paper"),
                "date": self._print_signing_day(sign) if sign else "",
            })
        return blocks

    def _print_signing_day(self, signature):
        if signature.method == "paper" and self.signed_on:
            return format_date(self.env, self.signed_on)
        zone = self._print_zone()
        return format_datetime(self.env, signature.signed_at, tz=zone, dt_format="medium")

    def _print_zone(self):
        return self.env["res.company"]._lifecycle_timezones()[self.company_id.id]

    def _print_audit(self):
        """:return: what proves the signatures: who, when, from where, and the hash of what was signed"""
        contract = self.sudo()  # sudo: portal users print the audit page of their contracts
        signatures = contract.signature_ids.filtered("valid")
        if not signatures:
            return None
        sides = {US: self._print_parties()[0]["name"], THEM: self._print_parties()[1]["name"]}
        acts = dict(contract.audit_ids._fields["act"]._description_selection(self.env))
        methods = dict(signatures._fields["method"]._description_selection(self.env))
        return {
            "zone": self._print_zone(),
            "signatures": [
                {
                    "name": sign.name, "party": sides[sign.side], "method": methods[sign.method],
                    "when": self._print_moment(sign.signed_at), "ip": sign.ip or "", "agent": sign.user_agent or "",
                    "version": sign.version_id.number, "sha256": sign.sha256,
                }
                for sign in signatures.sorted("id")
            ],
            "acts": [
                {
                    "name": row.name or "", "what": acts[row.act], "when": self._print_moment(row.date),
                    "ip": row.ip or "", "agent": row.user_agent or "",
                    "version": row.version_id.number or "", "sha256": row.sha256 or "",
                }
                for row in contract.audit_ids.filtered(lambda row: row.act in AUDITED_ACTS).sorted("id")
            ],
        }

    def _print_moment(self, moment):
        """:return: date and time to the second where the company is, with the distance to UTC"""
        zone = self._print_zone()
        local = fields.Datetime.context_timestamp(self.with_context(tz=zone), moment)
        text = format_datetime(self.env, moment, tz=zone, dt_format="medium")
        return f"{text} (UTC{local:%z})"

    # === AMENDMENTS === #

    def _print_amendment(self, clauses, terms):
        """:return: what an amendment changes in its contract, as dict"""
        base = self.amends_id
        old_clauses, old_terms = self._content_before_amendment()
        return {
            "base": base.display_name,
            "number": base.name,
            "date": format_date(self.env, terms["date_start"]),
            "terms": self._changed_terms(old_terms, terms, skip=("title", "date_start")),
            "lines": self._changed_lines(base, old_terms, terms),
            "clauses": self._changed_clauses(old_clauses, clauses),
        }

    def _content_before_amendment(self):
        """:return: clauses and terms of the contract as they were, also when the amendment is in force by now"""
        base = self.amends_id
        if self.close_reason == "applied":
            # sudo: as in the text. Versions are numbered through: those before the first one of this amendment
            first = min(self.sudo().version_ids.ids, default=0)
            before = base.sudo().version_ids.filtered(lambda version: version.id < first).sorted("number")[-1:]
            if before:
                return before.clauses, before.terms
        return base._current_content()
