import hashlib

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command, Domain
from odoo.tools import SQL, format_amount, format_date

from ..tools.placeholders import fill
from ..tools.redline import plain_text, sanitise
from ..tools.transitions import BINDING, EDITABLE, NEGOTIATION, THEM, US

# PostgreSQL indexes texts up to 1 MB; what comes later in a text is not found
MAX_SEARCHED = 200_000


class ClmContract(models.Model):
    """The text of a contract: clauses, versions, redlines, full-text search."""

    _inherit = "clm.contract"

    clause_ids = fields.One2many(
        "clm.contract.clause", "contract_id", string="Text", copy=True,
        compute="_compute_clause_ids", store=True, readonly=False,
    )
    version_ids = fields.One2many("clm.contract.version", "contract_id", string="Versions", readonly=True)
    last_version_id = fields.Many2one(
        "clm.contract.version", readonly=True, copy=False, index="btree_not_null", ondelete="set null",
        groups="base.group_user",
    )
    shared_version_id = fields.Many2one(
        "clm.contract.version", readonly=True, copy=False, index="btree_not_null",
        ondelete="set null", groups="base.group_user",
        help="What the other party sees as the text, and signs: the last version that was shared with them or that "
        "they wrote.",
    )
    nonstandard_count = fields.Integer(
        "Other Wordings", compute="_compute_nonstandard_count", store=True, groups="base.group_user",
        help="Clauses that differ from the library.",
    )
    text_plain = fields.Text(
        compute="_compute_text_plain", store=True, groups="base.group_user", help="All words of the text, to search."
    )
    text_search = fields.Char(
        "Text contains", compute="_compute_text_search", search="_search_text_search", groups="base.group_user"
    )

    _text_index = models.Index("USING gin (to_tsvector('simple', COALESCE(text_plain, '')))")

    @api.depends("type_id")
    def _compute_clause_ids(self):
        for contract in self:
            contract.clause_ids = [Command.clear()] + [
                Command.create({"sequence": position, "clause_id": place.clause_id.id})
                for position, place in enumerate(contract.type_id.clause_ids.filtered("clause_id.active"), start=1)
            ]

    @api.depends("clause_ids.is_standard")
    def _compute_nonstandard_count(self):
        for contract in self:
            contract.nonstandard_count = len(contract.clause_ids.filtered(lambda clause: not clause.is_standard))

    @api.depends("clause_ids.body", "clause_ids.name")
    def _compute_text_plain(self):
        for contract in self:
            contract.text_plain = "\n".join(
                f"{clause.name}\n{plain_text(clause.body or '')}" for clause in contract.clause_ids
            )[:MAX_SEARCHED]

    def _compute_text_search(self):
        self.text_search = False

    def _search_text_search(self, operator, value):
        """Search words of the text, ``"a phrase"``, ``this or that`` or ``-not this``, by the full-text index."""
        if operator not in ("ilike", "like", "=", "in"):
            return NotImplemented
        values = value if operator == "in" else [value]
        words = " or ".join(word for word in values if isinstance(word, str)).replace("\0", " ")
        if not words.strip():
            return Domain.TRUE
        return Domain.custom(to_sql=lambda model, alias, query: SQL(
            "to_tsvector('simple', COALESCE(%s, '')) @@ websearch_to_tsquery('simple', %s)",
            SQL.identifier(alias, "text_plain", to_flush=model._fields["text_plain"]), words,
        ))

    # === PLACEHOLDERS === #

    def _placeholder_values(self):
        """Hook: what the placeholders of the clauses say.

        :return: dict of text by placeholder, in the language of the other side
        """
        self.ensure_one()
        contract = self.with_context(lang=self._text_lang())
        env, company, partner = contract.env, contract.company_id, contract.partner_id

        def day(value):
            return format_date(env, value) if value else env._("no fixed date")

        def amount(value):
            return format_amount(env, value, contract.currency_id)

        return {
            "annual_value": amount(contract.acv),
            "billing_period": contract._describe_billing(),
            "company_address": contract._one_line_address(company.partner_id),
            "company_name": company.name or "",
            "company_vat": company.vat or "-",
            "contract_number": contract.name or "",
            "contract_title": contract.title or "",
            "contract_type": contract.type_id.name or "",
            "currency": contract.currency_id.name or "",
            "date_end": day(contract.date_end),
            "date_start": day(contract.date_start),
            "minimum_term": contract._describe_months(contract.minimum_months) or env._("none"),
            "notice_period": contract._describe_notice(),
            "owner_name": contract.user_id.sudo().name or "",  # sudo: a name that the contract states
            "partner_address": contract._one_line_address(partner),
            "partner_name": partner.commercial_partner_id.name or partner.name or "",
            "partner_vat": partner.commercial_partner_id.vat or "-",
            "predecessor_number": (contract.previous_id or contract.amends_id).name or "-",
            "renewal": contract._describe_renewal(),
            "term": contract._describe_months(contract.term_months) if contract.date_end else env._("unlimited"),
            "today": day(contract._today()),
            "total_value": amount(contract.tcv),
        }

    @api.model
    def _one_line_address(self, partner):
        lines = (line.strip() for line in (partner._display_address(True) or "").splitlines())
        return ", ".join(line for line in lines if line)

    def _describe_months(self, months):
        if not months:
            return ""
        if months % 12 == 0:
            years = months // 12
            return self.env._("1 year") if years == 1 else self.env._("%(count)s years", count=years)
        return self.env._("1 month") if months == 1 else self.env._("%(count)s months", count=months)

    def _describe_notice(self):
        if not self.notice_count:
            return self.env._("0 days")
        if self.notice_unit == "month":
            return self._describe_months(self.notice_count)
        return self.env._("1 day") if self.notice_count == 1 else self.env._("%(count)s days", count=self.notice_count)

    def _describe_renewal(self):
        if self.renewal_policy == "auto":
            return self.env._(
                "renews for %(term)s at a time unless notice is given",
                term=self._describe_months(self.renewal_months or self.term_months or 12),
            )
        return {
            "none": self.env._("ends at its end date"),
            "manual": self.env._("ends at its end date unless both sides agree on a renewal"),
            "evergreen": self.env._("runs until notice is given"),
        }[self.renewal_policy]

    def _describe_billing(self):
        line = self.line_ids.filtered(lambda line: line.recurrence_unit != "once")[:1] or self.type_id
        return line._describe_recurrence()

    # === VERSIONS === #

    def _text_lang(self):
        """:return: the language of the text: that of the other side, whoever reads it"""
        self.ensure_one()
        return self.partner_id.lang or self.company_id.sudo().partner_id.lang or "en_US"

    def _neutral(self):
        """:return: this contract as it reads for everybody, whatever the language, rights or screen of the user"""
        self.ensure_one()
        # sudo: the names of products and taxes belong to the content, for readers without rights on them too
        return self.with_env(self.env(su=True, context={"lang": self._text_lang()})).with_company(self.company_id)

    def _current_content(self):
        """:return: pair (clauses, terms): the text with placeholders filled, and lines and dates, as plain values"""
        contract = self._neutral()
        values = contract._placeholder_values()
        clauses = [
            {
                "id": clause.id,
                "name": clause.name,
                "body": sanitise(self._filled(clause, values)),
                "source": hashlib.sha256((clause.body or "").encode()).hexdigest(),
            }
            for clause in contract._ordered_clauses()
        ]
        return clauses, contract._current_terms()

    def _filled(self, clause, values):
        """:raise UserError: naming a placeholder that came in unchecked, with a translation say"""
        try:
            return fill(clause.body or "", values)
        except KeyError as error:
            raise UserError(self.env._(
                "“%(clause)s” has a placeholder that cannot be filled: %(name)s. Correct the clause.",
                clause=clause.name, name=error.args[0],
            )) from error

    def _ordered_clauses(self):
        return self.clause_ids.sorted(lambda clause: (clause.sequence, clause.id))

    def _ordered_lines(self):
        return self.line_ids.sorted(lambda line: (line.sequence, line.id))

    def _current_terms(self):
        """:return: dict of plain values: lines, dates and terms; call it on :meth:`_neutral`"""
        return {
            "number": self.name,
            "title": self.title or "",
            "partner": self.partner_id.display_name,
            "currency": self.currency_id.name,
            "date_start": fields.Date.to_string(self.date_start) or "",
            "date_end": fields.Date.to_string(self.date_end) or "",
            "notice": f"{self.notice_count} {self.notice_unit}",
            "minimum_months": self.minimum_months,
            "renewal": f"{self.renewal_policy} {self.renewal_limit} {self.renewal_months} {self.uplift!r}",
            "lines": [line._content() for line in self._ordered_lines()],
        }

    def _fingerprint(self):
        """:return: SHA-256 of what would be agreed now: the text before it is filled, as ``today`` is another every
            day, the terms, and who and what they refer to by id
        """
        contract = self._neutral()
        text = [(clause.name, sanitise(clause.body)) for clause in contract._ordered_clauses()]
        parties = [
            contract.type_id.id, contract.company_id.id, contract.partner_id.id, contract.signature_required,
            [(line.product_id.id, sorted(line.tax_ids.ids)) for line in contract._ordered_lines()],
        ]
        return self.env["clm.contract.version"]._hash([text, parties], contract._current_terms())

    def _snapshot(self, side=US, note=None, author=None, clauses=None, terms=None):
        """Keep the text as the next version, unless nothing changed since our last one. A version of ours is internal
        until it is shared.

        :param str side: whose wording it is
        :param note: comment of the author
        :param author: ``res.partner`` who wrote it; default: the user
        :param clauses: proposed clauses (list of dicts as in ``clauses``); default: those of the contract
        :param terms: lines and dates that they refer to; default: those of the contract
        :return: ``clm.contract.version``
        """
        self.ensure_one()
        self._lock()  # versions are numbered through
        if clauses is None:
            clauses, terms = self._current_content()
        Version = self.env["clm.contract.version"].sudo()  # sudo: nobody writes versions by hand
        last = self.sudo().version_ids.sorted("number")[-1:]
        sha256 = Version._hash(clauses, terms)
        if last and last.side == side and last.sha256 == sha256:
            return last.sudo(False)
        version = Version.create({
            "contract_id": self.id,
            "number": last.number + 1,
            "side": side,
            "user_id": self.env.uid if side == US else False,
            "author_name": (author or self.env.user.partner_id).sudo().name,
            "note": note,
            "clauses": clauses,
            "terms": terms,
            "sha256": sha256,
        })
        change = version._redline(last)
        version.with_env(self.sudo()._unlocked().env).write({"inserted": change.inserted, "deleted": change.deleted})
        self.sudo()._unlocked().write({"last_version_id": version.id})
        if side == THEM or self.state in BINDING:
            self._share_version()
        return version.sudo(False)

    def _share_version(self):
        """Let the other side see the last version: for them it is the text from now on."""
        for contract in self.sudo()._unlocked():  # sudo: the other side shares its own wording
            version = contract.last_version_id
            if not version.shared_at:
                version.write({"shared_at": fields.Datetime.now()})
            if contract.shared_version_id != version:
                contract.shared_version_id = version

    def _propose(self, bodies, note=None, author=None):
        """Keep the other side's wording of some clauses as a version of theirs; the pen is ours then.

        :param dict bodies: HTML by id of the clause
        :param note: comment of the author
        :param author: ``res.partner``
        :return: ``clm.contract.version``
        :raise UserError: when the contract is not negotiated, a clause is not its own, or nothing changed
        """
        self.ensure_one()
        if self.state != NEGOTIATION:
            raise UserError(self.env._("Wording can be proposed while the contract is negotiated only."))
        shown = self._shared_version()
        unknown = set(bodies) - {clause["id"] for clause in shown.clauses}
        if unknown:
            raise UserError(self.env._("A clause of your proposal is no longer part of the contract. Reload the page."))
        clauses = [{**clause, "proposed": False} for clause in shown.clauses]
        for clause in clauses:
            body = sanitise(bodies.get(clause["id"], clause["body"]))
            if plain_text(body) != plain_text(clause["body"]):
                clause.update(body=body, proposed=True)
        if not any(clause["proposed"] for clause in clauses):
            raise UserError(self.env._("Your wording is the same as ours. Change a clause before you send it."))
        version = self._snapshot(THEM, note, author, clauses, shown.terms)
        self._set_pen(US)
        self._notify_owner(self.env._("%(author)s proposes another wording", author=version.author_name), note)
        return version

    def _shared_version(self):
        """:return: the version that the other side sees: the last that was shared with them or that they wrote"""
        self.ensure_one()
        return self.sudo().shared_version_id  # sudo: portal users have no rights on versions

    def _open_redline(self, older, newer):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Changes"),
            "res_model": "clm.contract.redline",
            "views": [(False, "form")],
            "target": "new",
            "context": {
                "default_contract_id": self.id, "default_old_id": older.id, "default_new_id": newer.id,
            },
        }

    def action_redline(self):
        """Compare the last two versions."""
        self.ensure_one()
        versions = self.version_ids.sorted("number", reverse=True)
        if not versions:
            raise UserError(self.env._("There is no version yet. Share the contract, or save a version."))
        return self._open_redline(versions[1:2], versions[0])

    def action_save_version(self):
        """Keep the text as it is now."""
        for contract in self:
            contract.check_access("write")
            if contract.state not in EDITABLE:
                raise UserError(self.env._("%(contract)s is locked; its last version is its text.",
                                           contract=contract.display_name))
            contract._snapshot()
        return True
