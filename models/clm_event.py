from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..tools.kinds import KINDS

KIND_LABELS = [
    ("contact", "Became known"),
    ("lead", "Lead"),
    ("opportunity", "Opportunity"),
    ("quotation", "Quotation"),
    ("order", "Order"),
    ("invoice", "Invoice without order"),
    ("refund", "Credit note"),
    ("contract_start", "Contract start"),
    ("contract_renewal", "Contract renewal"),
    ("contract_end", "Contract end"),
    ("feedback", "Feedback"),
    ("referral", "Referral"),
    ("manual", "Moved by hand"),
]


class ClmEvent(models.Model):
    """The customer's timeline: one row for each thing that happened, read straight from the documents.

    Nothing is stored. Each source is a SELECT with the columns of :meth:`_event_columns`; another addon
    plugs its documents in by extending :meth:`_event_sources`.
    """

    _name = "clm.event"
    _description = "Customer Event"
    _auto = False
    _order = "date desc, kind_number desc, res_id desc"
    _rec_name = "label"
    _depends = {
        "res.partner": ["commercial_partner_id", "company_id", "create_date", "name"],
        "crm.lead": ["partner_id", "type", "date_conversion", "expected_revenue", "company_id", "name"],
        "sale.order": ["partner_id", "state", "date_order", "amount_untaxed", "currency_rate", "company_id", "name"],
        "account.move": [
            "partner_id", "state", "move_type", "invoice_date", "amount_untaxed_signed", "company_id", "name",
        ],
        "account.move.line": ["move_id", "sale_line_ids"],
        "clm.stage.change": ["partner_id", "date", "stage_id", "pin", "origin", "user_id", "reason"],
        "res.company": ["currency_id", "lifecycle_tz"],
    }

    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    date = fields.Datetime(readonly=True)
    day = fields.Date(readonly=True, help="The day of the event in the time zone of its company.")
    kind = fields.Selection(KIND_LABELS, string="Event", readonly=True)
    kind_number = fields.Integer(readonly=True, aggregator=None)
    amount = fields.Monetary(readonly=True, help="Without taxes, in the currency of the company.")
    currency_id = fields.Many2one("res.currency", readonly=True)
    score = fields.Float(readonly=True, aggregator="avg")
    company_id = fields.Many2one("res.company", readonly=True)
    model = fields.Char(readonly=True)
    res_id = fields.Many2oneReference("Document", model_field="model", readonly=True, aggregator=None)
    label = fields.Char("What", readonly=True)
    stage_id = fields.Many2one("clm.stage", string="Moved To", readonly=True)
    pin = fields.Boolean("Automation Off", readonly=True)
    origin = fields.Char(readonly=True)
    user_id = fields.Many2one("res.users", string="By", readonly=True)

    @property
    def _table_query(self):
        return SQL(" UNION ALL ").join(self._event_sources())

    # === SOURCES === #

    @api.model
    def _event_sources(self):
        """Hook: the documents that are events.

        :return: list of ``SQL``, each one SELECT made by :meth:`_event_source`
        """
        return [
            self._event_contacts(),
            self._event_leads(),
            self._event_opportunities(),
            self._event_quotations(),
            self._event_orders(),
            self._event_invoices(),
            self._event_stage_changes(),
        ]

    @api.model
    def _event_source(self, tables, model, res_id, date, kind, offset=0, **columns):
        """Build one SELECT of the timeline.

        :param SQL tables: FROM and WHERE; must offer ``p`` (the document's partner) and ``co`` (its company)
        :param str model: technical name of the document
        :param SQL res_id: its id
        :param SQL date: when it happened, timestamp in UTC
        :param kind: one of ``tools.replay.KINDS``, or a triple (``SQL`` condition, kind if true, kind if false)
        :param int offset: 0 or 32; keeps the ids of two models that make events of the same kind apart
        :param columns: further ``SQL`` by column: amount (company currency, untaxed), score, label,
            stage_id, pin, origin, user_id, company_id
        """
        date = SQL("date_trunc('second', %s)", date)
        kind, kind_number = self._event_kind(kind)
        optional = {"score": "float8", "label": "varchar", "stage_id": "int4", "pin": "bool", "origin": "varchar",
                    "user_id": "int4"}
        return SQL(
            """
            SELECT %(res_id)s::bigint * 64 + %(offset)s + %(kind_number)s AS id,
                   p.commercial_partner_id AS partner_id,
                   %(date)s AS date,
                   %(day)s AS day,
                   %(kind)s AS kind,
                   %(kind_number)s AS kind_number,
                   %(amount)s::numeric AS amount,
                   co.currency_id AS currency_id,
                   %(company_id)s AS company_id,
                   %(model)s::varchar AS model,
                   %(res_id)s AS res_id,
                   %(optional)s
              %(tables)s
            """,
            res_id=res_id,
            offset=offset,
            kind=kind,
            kind_number=kind_number,
            date=date,
            day=self._event_day(date),
            amount=columns.get("amount", SQL("0")),
            company_id=columns.get("company_id", SQL("co.id")),
            model=model,
            tables=tables,
            optional=SQL(", ").join(
                SQL("%s::%s AS %s", columns.get(name, SQL("NULL")), SQL(pg_type), SQL.identifier(name))
                for name, pg_type in optional.items()
            ),
        )

    @api.model
    def _event_kind(self, kind):
        """:return: pair of SQL: the kind and its number (the order of events of one instant)"""
        if isinstance(kind, str):
            return SQL("%s::varchar", kind), SQL("%s", KINDS.index(kind))
        condition, yes, no = kind
        return (
            SQL("(CASE WHEN %s THEN %s ELSE %s END)::varchar", condition, yes, no),
            SQL("CASE WHEN %s THEN %s ELSE %s END", condition, KINDS.index(yes), KINDS.index(no)),
        )

    @api.model
    def _event_timezone(self):
        """:return: SQL for the name of the time zone of the company ``co``"""
        zones = self.env["res.company"]._lifecycle_timezones()
        if len(set(zones.values())) == 1:
            return SQL("%s", next(iter(zones.values())))
        cases = (SQL("WHEN %s THEN %s", company_id, zone) for company_id, zone in zones.items())
        return SQL("CASE co.id %s END", SQL(" ").join(cases))

    @api.model
    def _event_day(self, date):
        return SQL("(%s AT TIME ZONE 'UTC' AT TIME ZONE %s)::date", date, self._event_timezone())

    @api.model
    def _event_company_join(self, company):
        """:return: SQL joining ``co``; documents and partners of no company are the main company's"""
        main_company_id = next(iter(self.env["res.company"]._lifecycle_timezones()))
        return SQL("JOIN res_company co ON co.id = COALESCE(%s, %s)", company, main_company_id)

    def _event_contacts(self):
        return self._event_source(
            SQL(
                "FROM res_partner p %s WHERE p.commercial_partner_id = p.id AND p.create_date IS NOT NULL",
                self._event_company_join(SQL("p.company_id")),
            ),
            "res.partner", SQL("p.id"), SQL("p.create_date"), "contact",
            label=SQL("p.name"), company_id=SQL("p.company_id"),
        )

    def _event_leads(self):
        """Leads, also those that became an opportunity since."""
        return self._event_source(
            SQL(
                """
                FROM crm_lead l JOIN res_partner p ON p.id = l.partner_id %s
                WHERE l.type = 'lead' OR l.date_conversion > l.create_date
                """,
                self._event_company_join(SQL("l.company_id")),
            ),
            "crm.lead", SQL("l.id"), SQL("l.create_date"), "lead",
            label=SQL("l.name"), company_id=SQL("l.company_id"),
        )

    def _event_opportunities(self):
        return self._event_source(
            SQL(
                "FROM crm_lead l JOIN res_partner p ON p.id = l.partner_id %s WHERE l.type = 'opportunity'",
                self._event_company_join(SQL("l.company_id")),
            ),
            "crm.lead", SQL("l.id"), SQL("GREATEST(l.date_conversion, l.create_date)"), "opportunity",
            label=SQL("l.name"), company_id=SQL("l.company_id"), amount=SQL("l.expected_revenue"),
        )

    def _event_quotations(self):
        """Quotations, also those confirmed later. An order entered after its own date had no quotation before."""
        return self._event_source(
            SQL(
                """
                FROM sale_order o JOIN res_partner p ON p.id = o.partner_id %s
                WHERE o.state IN ('draft', 'sent', 'cancel')
                   OR date_trunc('second', o.create_date) < o.date_order
                """,
                self._event_company_join(SQL("o.company_id")),
            ),
            "sale.order", SQL("o.id"), SQL("LEAST(o.create_date, o.date_order)"), "quotation",
            label=SQL("o.name"), amount=self._event_order_amount(),
        )

    def _event_orders(self):
        """Confirmed orders; one with a negative total gives money back like a credit note."""
        return self._event_source(
            SQL(
                "FROM sale_order o JOIN res_partner p ON p.id = o.partner_id %s WHERE o.state = 'sale'",
                self._event_company_join(SQL("o.company_id")),
            ),
            "sale.order", SQL("o.id"), SQL("o.date_order"), (SQL("o.amount_untaxed < 0"), "refund", "order"),
            label=SQL("o.name"), amount=self._event_order_amount(),
        )

    @api.model
    def _event_order_amount(self):
        return SQL("o.amount_untaxed / COALESCE(NULLIF(o.currency_rate, 0), 1)")

    def _event_invoices(self):
        """Posted credit notes, and posted invoices that no order announced (one purchase is one event)."""
        return self._event_source(
            SQL(
                """
                FROM account_move m JOIN res_partner p ON p.id = m.partner_id %s
                WHERE m.state = 'posted'
                  AND (m.move_type = 'out_refund' OR (m.move_type IN ('out_invoice', 'out_receipt') AND %s))
                """,
                self._event_company_join(SQL("m.company_id")),
                self._event_invoice_is_purchase(),
            ),
            "account.move", SQL("m.id"), self._event_invoice_date(),
            (SQL("m.amount_untaxed_signed < 0"), "refund", "invoice"), offset=32,
            label=SQL("m.name"), amount=SQL("m.amount_untaxed_signed"),
        )

    @api.model
    def _event_invoice_is_purchase(self):
        """Hook: SQL condition on the invoice ``m``: no other event stands for the same purchase."""
        return SQL(
            """
            NOT EXISTS (
                SELECT FROM account_move_line ml
                JOIN sale_order_line_invoice_rel r ON r.invoice_line_id = ml.id
                WHERE ml.move_id = m.id
            )
            """
        )

    @api.model
    def _event_invoice_date(self):
        """Invoices have a day only: the moment of entry when that is the day, else the day's beginning."""
        zone = self._event_timezone()
        day_start = SQL("(m.invoice_date::timestamp AT TIME ZONE %s AT TIME ZONE 'UTC')", zone)
        return SQL(
            "CASE WHEN m.create_date >= %(start)s AND m.create_date < %(start)s + interval '1 day'"
            " THEN m.create_date ELSE COALESCE(%(start)s, m.create_date) END",
            start=day_start,
        )

    def _event_stage_changes(self):
        return self._event_source(
            SQL(
                "FROM clm_stage_change c JOIN res_partner p ON p.id = c.partner_id %s",
                self._event_company_join(SQL("p.company_id")),
            ),
            "clm.stage.change", SQL("c.id"), SQL("c.date"), "manual",
            label=SQL("c.reason"), company_id=SQL("p.company_id"), stage_id=SQL("c.stage_id"),
            pin=SQL("CASE c.pin WHEN 'pin' THEN TRUE WHEN 'unpin' THEN FALSE END"),
            origin=SQL("c.origin"), user_id=SQL("c.user_id"),
        )

    # === ACTIONS === #

    def action_open_document(self):
        """Open the document behind the event, if the user may read it."""
        self.ensure_one()
        document = self.env[self.model].browse(self.res_id).exists()
        if not document:
            raise UserError(self.env._("This document was deleted since."))
        document.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "res_model": self.model,
            "res_id": self.res_id,
            "views": [(False, "form")],
        }
