from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

#: Events that are shown at a time, and most that can be asked for.
EVENTS_SHOWN = 40
EVENTS_MOST = 200
#: What was bought is told of so many lines of a document.
LINES_SHOWN = 3
#: Context key: the timeline of these customers only (list of ids), which the database finds by index.
CUSTOMERS_KEY = "clm_customers_only"
#: Documents that say no more than the timeline does.
SILENT_MODELS = frozenset({"res.partner", "clm.stage.change"})
EVENT_FIELDS = [
    "date", "day", "kind", "amount", "currency_id", "score", "label", "stage_id", "user_id", "model", "res_id",
]


class ClmEvent(models.Model):
    _inherit = "clm.event"

    @property
    def _table_query(self):
        partner_ids = self.env.context.get(CUSTOMERS_KEY)
        if partner_ids and all(type(partner_id) is int for partner_id in partner_ids):
            return self._customers_query(partner_ids)
        return super()._table_query


class ClmCustomerPage(models.AbstractModel):
    """What happened, newest first, a part at a time."""

    _inherit = "clm.customer.page"

    @api.model
    @api.readonly
    def get_timeline(self, partner_id, offset=0, limit=EVENTS_SHOWN, kinds=None):
        """More of the timeline.

        :param int partner_id: the customer, or a contact of it
        :param int offset: how many are shown already
        :param int limit: how many more, 200 at most
        :param list kinds: kinds of events; default: all
        :return: dict: ``entries``, ``has_more``
        """
        customer = self._customer(partner_id)
        if not all(type(number) is int and number >= 0 for number in (offset, limit)):
            raise UserError(self.env._("There is nothing to show here."))
        return self._timeline(customer, offset, min(limit, EVENTS_MOST), kinds)

    @api.model
    def _prepare_timeline(self, customer):
        labels = dict(self.env["clm.event"]._fields["kind"]._description_selection(self.env))
        counts = dict(self._events(customer)._read_group(self._event_domain(customer), ["kind"], ["__count"]))
        return {
            "count": sum(counts.values()),
            "kinds": [
                {"key": kind, "label": label, "count": counts[kind]} for kind, label in labels.items() if kind in counts
            ],
            **self._timeline(customer, 0, EVENTS_SHOWN),
        }

    @api.model
    def _events(self, customer):
        return self.env["clm.event"].with_context(**{CUSTOMERS_KEY: customer.ids})

    @api.model
    def _event_domain(self, customer, kinds=None):
        domain = [("partner_id", "=", customer.id), ("company_id", "in", [False, *self.env.companies.ids])]
        if kinds:
            known = self.env["clm.event"]._fields["kind"].get_values(self.env)
            domain.append(("kind", "in", [kind for kind in known if kind in kinds]))
        return domain

    @api.model
    def _timeline(self, customer, offset, limit, kinds=None):
        events = self._events(customer).search_fetch(
            self._event_domain(customer, kinds), EVENT_FIELDS, offset=offset, limit=limit + 1,
            order="date desc, kind_number desc, res_id desc, id desc",
        )
        shown = events[:limit]
        around = {
            "labels": dict(events._fields["kind"]._description_selection(self.env)),
            "lines": self._event_lines(shown), "readable": self._event_readable(shown),
            "rates": {currency: self._rate(currency) for currency in shown.currency_id},
        }
        return {
            "entries": [self._prepare_event(event, around) for event in shown],
            "has_more": len(events) > limit,
        }

    @api.model
    def _prepare_event(self, event, around):
        """:param dict around: what is looked up for all events at once: labels, lines, readable documents, rates"""
        document = (event.model, event.res_id)
        return {
            "id": event.id, "kind": event.kind, "kind_label": around["labels"][event.kind], "label": event.label or "",
            "date": fields.Datetime.to_string(event.date), "day": self._day(event.day),
            "amount": self._money(around["rates"].get(event.currency_id, 1.0) * event.amount) if event.amount else None,
            "score": event.score if event.kind == "feedback" else None,
            "stage": event.stage_id.name or "",
            "user": event.user_id.sudo().name or "",  # sudo: a name
            "lines": around["lines"].get(document, {"items": [], "more": 0}),
            "model": event.model, "res_id": event.res_id, "can_open": document in around["readable"],
        }

    # === DOCUMENTS === #

    @api.model
    def _event_readable(self, events):
        """:return: set of pairs (model, id) of the documents that the user may open"""
        readable = set()
        for model, of_model in events.grouped("model").items():
            if model in self.env and model not in SILENT_MODELS and self.env[model].has_access("read"):
                documents = self.env[model].browse(of_model.mapped("res_id"))._filtered_access("read")
                readable.update((model, document_id) for document_id in documents.ids)
        return readable

    @api.model
    def _event_lines(self, events):
        """What was bought, by document.

        :return: dict of pair (model, id) -> dict: ``items`` (name and quantity of the first lines), ``more``
        """
        by_model = {model: of_model.mapped("res_id") for model, of_model in events.grouped("model").items()}
        rows = [
            *self._first_lines("sale.order", "sale_order_line", "order_id", SQL("product_uom_qty"), SQL(
                "l.display_type IS NULL AND l.is_downpayment IS NOT TRUE"), by_model.get("sale.order")),
            *self._first_lines("account.move", "account_move_line", "move_id", SQL("quantity"), SQL(
                "l.display_type = 'product'"), by_model.get("account.move")),
        ]
        # sudo: names of what was bought, for people without rights on products
        products = self.env["product.product"].sudo().with_context(display_default_code=False)
        products = products.browse({row[2] for row in rows if row[2]})
        names = {product.id: product.display_name for product in products}
        lines = {}
        for model, document_id, product_id, text, quantity, count in rows:
            known = lines.setdefault((model, document_id), {"items": [], "more": max(0, count - LINES_SHOWN)})
            name = names.get(product_id) or (text or "").partition("\n")[0]
            known["items"].append({"name": name, "quantity": float(quantity or 0)})
        return lines

    @api.model
    def _first_lines(self, model, table, document, quantity, where, ids):
        """:return: list of tuples: model, id of the document, id of the product, text, quantity, number of lines"""
        if not ids:
            return []
        return self.env.execute_query(SQL(
            """
            SELECT %(model)s, document_id, product_id, name, quantity, lines
              FROM (
                SELECT l.%(document)s AS document_id, l.product_id, l.name, l.%(quantity)s AS quantity,
                       COUNT(*) OVER (PARTITION BY l.%(document)s) AS lines,
                       ROW_NUMBER() OVER (PARTITION BY l.%(document)s ORDER BY l.sequence, l.id) AS number
                  FROM %(table)s l
                 WHERE l.%(document)s = ANY(%(ids)s) AND %(where)s
                   ) d
             WHERE number <= %(shown)s
             ORDER BY document_id, number
            """,
            model=model, document=SQL.identifier(document), quantity=quantity, table=SQL.identifier(table), ids=ids,
            where=where, shown=LINES_SHOWN,
        ))
