from datetime import timedelta

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


# columns of the timeline that most sources leave empty, with their types in the database
OPTIONAL_COLUMNS = {
    "score": "float8",
    "label": "varchar",
    "stage_id": "int4",
    "pin": "bool",
    "origin": "varchar",
    "user_id": "int4",
    "purchase_number": "int4",
    "order_stage_id": "int4",
    "team_id": "int4",
}


#: Context key: the view shows the purchases between two instants only, pair of naive UTC datetimes or strings. A third
#: one is the id of the company that sold.
PURCHASES_KEY = "clm_purchases_between"


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
        "sale.order": [
            "partner_id", "state", "date_order", "amount_untaxed", "currency_rate", "company_id", "name",
            "purchase_number", "lifecycle_stage_id",
        ],
        "account.move": [
            "partner_id", "state", "move_type", "invoice_date", "amount_untaxed_signed", "company_id", "name",
        ],
        "account.move.line": ["move_id", "sale_line_ids", "clm_contract_id"],
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
    purchase_number = fields.Integer(readonly=True, aggregator=None, help="1 for the first purchase; of orders only.")
    order_stage_id = fields.Many2one("clm.stage", string="Stage Reached", readonly=True, help="Of orders only.")

    @property
    def _table_query(self):
        if limits := self.env.context.get(PURCHASES_KEY):
            return self._purchases_between(*limits)
        return SQL(" UNION ALL ").join(self._event_sources(SQL("res_partner")))

    @api.model
    def _purchases_between(self, start, stop, company_id=None):
        """The orders, invoices and credit notes of a time, as one query that finds them by index. Invoices, which have
        a day only, may lie two days outside of it.

        Invoices stand behind an OFFSET, so that conditions on what is computed of them, of which the database knows
        nothing, do not make it believe that there are only a few.

        :param datetime start: naive UTC
        :param datetime stop: not included
        :param int company_id: the company that sold; default: any
        :return: ``SQL``
        """
        limited = self.with_context(**{PURCHASES_KEY: (start, stop, company_id)})
        return SQL(
            "%s UNION ALL (%s OFFSET 0)",
            limited._event_orders(SQL("res_partner")), limited._event_invoices(SQL("res_partner")),
        )

    @api.model
    def _purchases_of(self, partner_id):
        """The orders, invoices and credit notes of one customer, found by the index of their contacts.

        :param SQL partner_id: id of a commercial partner
        :return: ``SQL``
        """
        contacts = SQL(
            "(SELECT x.id, x.commercial_partner_id FROM res_partner x WHERE x.commercial_partner_id = %s)", partner_id,
        )
        return self._purchases(contacts)

    @api.model
    def _purchases(self, partners):
        """The orders, invoices and credit notes of some partners, whenever they were.

        :param SQL partners: see :meth:`_event_sources`
        :return: ``SQL``
        """
        return SQL("%s UNION ALL %s", self._event_orders(partners), self._event_invoices(partners))

    @api.model
    def _event_limit(self, column, company, days=0):
        """:return: SQL condition on the date of a document, true unless only some time is asked for

        :param SQL company: its company
        :param int days: by how many days the event may differ from it
        """
        limits = self.env.context.get(PURCHASES_KEY)
        if not limits:
            return SQL("TRUE")
        start, stop = map(fields.Datetime.to_datetime, limits[:2])
        slack = timedelta(days=days)
        time = SQL("%s >= %s AND %s < %s", column, start - slack, column, stop + slack)
        return SQL("%s AND %s = %s", time, company, limits[2]) if limits[2:] and limits[2] else time

    @api.model
    def _customers_query(self, partner_ids):
        """The same rows for some customers only, as one query that the database plans well.

        The contacts of these customers come first and each source looks their documents up by index. A condition
        put around the whole timeline would make PostgreSQL read every document of the database.

        :param partner_ids: list of ids of commercial partners
        :return: ``SQL``
        """
        return SQL(
            """
            WITH batch AS MATERIALIZED (
                SELECT id, commercial_partner_id, company_id, create_date, name
                  FROM res_partner WHERE commercial_partner_id = ANY(%s)
            )
            %s
            """,
            partner_ids, SQL(" UNION ALL ").join(self._event_sources(SQL("batch"))),
        )

    # === SOURCES === #

    @api.model
    def _event_sources(self, partners):
        """Hook: the documents that are events.

        :param SQL partners: the relation to take as ``p``: ``res_partner``, or some of its rows with the columns
            id, commercial_partner_id, company_id, create_date and name
        :return: list of ``SQL``, each one SELECT made by :meth:`_event_source`
        """
        return [
            self._event_contacts(partners),
            self._event_leads(partners),
            self._event_opportunities(partners),
            self._event_quotations(partners),
            self._event_orders(partners),
            self._event_invoices(partners),
            self._event_stage_changes(partners),
        ]

    @api.model
    def _event_source(self, tables, model, res_id, date, kind, company, offset=0, **columns):
        """Build one SELECT of the timeline.

        :param SQL tables: FROM and WHERE; must offer ``p``, the document's partner
        :param str model: technical name of the document
        :param SQL res_id: its id
        :param SQL date: when it happened, timestamp in UTC
        :param kind: one of ``tools.replay.KINDS``, or a triple (``SQL`` condition, kind if true, kind if false)
        :param SQL company: its company, which may be none
        :param int offset: 0 or 32; keeps the ids of two models that make events of the same kind apart
        :param columns: further ``SQL`` by column: amount (company currency, untaxed), score, label,
            stage_id, pin, origin, user_id, purchase_number, order_stage_id, team_id
        """
        date = SQL("date_trunc('second', %s)", date)
        kind, kind_number = self._event_kind(kind)
        return SQL(
            """
            SELECT %(res_id)s::bigint * 64 + %(offset)s + %(kind_number)s AS id,
                   p.commercial_partner_id AS partner_id,
                   %(date)s AS date,
                   %(day)s AS day,
                   %(kind)s AS kind,
                   %(kind_number)s AS kind_number,
                   %(amount)s::numeric AS amount,
                   %(currency)s::int4 AS currency_id,
                   %(company)s AS company_id,
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
            day=SQL("(%s AT TIME ZONE 'UTC' AT TIME ZONE %s)::date", date, self._event_timezone(company)),
            amount=columns.get("amount", SQL("0")),
            company=company,
            currency=self._event_currency(company),
            model=model,
            tables=tables,
            optional=SQL(", ").join(
                SQL("%s::%s AS %s", columns.get(name, SQL("NULL")), SQL(pg_type), SQL.identifier(name))
                for name, pg_type in OPTIONAL_COLUMNS.items()
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
    def _event_by_company(self, company, values):
        """:return: SQL for what ``values`` (dict by company id, the main company first) says of ``company``

        A CASE rather than a join: a handful of companies, and the database plans far better without.
        """
        if len(set(values.values())) == 1:
            return SQL("%s", next(iter(values.values())))
        cases = (SQL("WHEN %s THEN %s", company_id, value) for company_id, value in values.items())
        return SQL("CASE COALESCE(%s, %s) %s END", company, next(iter(values)), SQL(" ").join(cases))

    @api.model
    def _event_timezone(self, company):
        """:return: SQL for the name of the time zone; what belongs to no company is the main company's"""
        return self._event_by_company(company, self.env["res.company"]._lifecycle_timezones())

    @api.model
    def _event_currency(self, company):
        return self._event_by_company(company, self.env["res.company"]._lifecycle_currencies())

    def _event_contacts(self, partners):
        return self._event_source(
            SQL("FROM %s p WHERE p.commercial_partner_id = p.id AND p.create_date IS NOT NULL", partners),
            "res.partner", SQL("p.id"), SQL("p.create_date"), "contact", SQL("p.company_id"),
            label=SQL("p.name"),
        )

    def _event_leads(self, partners):
        """Leads, also those that became an opportunity since."""
        return self._event_source(
            SQL(
                """
                FROM crm_lead l JOIN %s p ON p.id = l.partner_id
                WHERE l.type = 'lead' OR l.date_conversion > l.create_date
                """,
                partners,
            ),
            "crm.lead", SQL("l.id"), SQL("l.create_date"), "lead", SQL("l.company_id"), label=SQL("l.name"),
        )

    def _event_opportunities(self, partners):
        return self._event_source(
            SQL(
                "FROM crm_lead l JOIN %s p ON p.id = l.partner_id WHERE l.type = 'opportunity'", partners,
            ),
            "crm.lead", SQL("l.id"), SQL("GREATEST(l.date_conversion, l.create_date)"), "opportunity",
            SQL("l.company_id"), label=SQL("l.name"), amount=SQL("l.expected_revenue"),
        )

    def _event_quotations(self, partners):
        """Quotations, also those confirmed later. An order entered after its own date had no quotation before."""
        return self._event_source(
            SQL(
                """
                FROM sale_order o JOIN %s p ON p.id = o.partner_id
                WHERE o.state IN ('draft', 'sent', 'cancel')
                   OR date_trunc('second', o.create_date) < o.date_order
                """,
                partners,
            ),
            "sale.order", SQL("o.id"), SQL("LEAST(o.create_date, o.date_order)"), "quotation", SQL("o.company_id"),
            label=SQL("o.name"), amount=self._event_order_amount(), **self._event_order_columns(),
        )

    def _event_orders(self, partners):
        """Confirmed orders; one with a negative total gives money back like a credit note."""
        return self._event_source(
            SQL(
                "FROM sale_order o JOIN %s p ON p.id = o.partner_id WHERE o.state = 'sale' AND %s",
                partners, self._event_limit(SQL("o.date_order"), SQL("o.company_id")),
            ),
            "sale.order", SQL("o.id"), SQL("o.date_order"), (SQL("o.amount_untaxed < 0"), "refund", "order"),
            SQL("o.company_id"), label=SQL("o.name"), amount=self._event_order_amount(), team_id=SQL("o.team_id"),
            **self._event_order_columns(),
        )

    @api.model
    def _event_order_amount(self):
        return SQL("o.amount_untaxed / COALESCE(NULLIF(o.currency_rate, 0), 1)")

    @api.model
    def _event_order_columns(self):
        """What the engine wrote on the order, so that it can tell what to write anew without a second read."""
        return {"purchase_number": SQL("o.purchase_number"), "order_stage_id": SQL("o.lifecycle_stage_id")}

    def _event_invoices(self, partners):
        """Posted credit notes, and posted invoices that no order announced (one purchase is one event)."""
        return self._event_source(
            SQL(
                """
                FROM account_move m JOIN %s p ON p.id = m.partner_id
                WHERE m.state = 'posted'
                  AND (m.move_type = 'out_refund' OR (m.move_type IN ('out_invoice', 'out_receipt') AND %s))
                  AND NOT %s AND %s
                """,
                partners, self._event_invoice_is_purchase(), self._event_invoice_is_contract(),
                self._event_limit(SQL("m.invoice_date"), SQL("m.company_id"), days=2),
            ),
            "account.move", SQL("m.id"), self._event_invoice_date(),
            (SQL("m.move_type = 'out_refund' OR m.amount_untaxed_signed < 0"), "refund", "invoice"),
            SQL("m.company_id"), offset=32,
            label=SQL("m.name"), amount=SQL("m.amount_untaxed_signed"), team_id=SQL("m.team_id"),
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
    def _event_invoice_is_contract(self):
        """:return: SQL condition on the invoice ``m``: it bills, or credits, a contract, which makes events of its own
        """
        return SQL(
            "EXISTS (SELECT FROM account_move_line ml WHERE ml.move_id = m.id AND ml.clm_contract_id IS NOT NULL)"
        )

    @api.model
    def _event_invoice_date(self):
        """Invoices have a day only: the moment of entry when that is the day, else the day's beginning."""
        zone = self._event_timezone(SQL("m.company_id"))
        day_start = SQL("(m.invoice_date::timestamp AT TIME ZONE %s AT TIME ZONE 'UTC')", zone)
        return SQL(
            "CASE WHEN m.create_date >= %(start)s AND m.create_date < %(start)s + interval '1 day'"
            " THEN m.create_date ELSE COALESCE(%(start)s, m.create_date) END",
            start=day_start,
        )

    def _event_stage_changes(self, partners):
        return self._event_source(
            SQL("FROM clm_stage_change c JOIN %s p ON p.id = c.partner_id", partners),
            "clm.stage.change", SQL("c.id"), SQL("c.date"), "manual", SQL("p.company_id"),
            label=SQL("c.reason"), stage_id=SQL("c.stage_id"),
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
