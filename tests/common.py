from datetime import datetime, timedelta

from odoo.fields import Command
from odoo.tests import TransactionCase, new_test_user
from odoo.tools import SQL


class ClmCase(TransactionCase):
    """Builders and a user per role. Times are naive UTC; ``days_ago`` counts back from now."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env = cls.env["base"].with_context(
            tracking_disable=True, mail_create_nolog=True, no_reset_password=True
        ).env
        cls.engine = cls.env["clm.lifecycle.engine"]
        cls.queue = cls.env["clm.queue"]
        # the customers of the database (demo data, say) are nobody's business here
        cls.env.cr.execute(SQL("DELETE FROM clm_queue"))
        for name in ("awareness", "acquisition", "conversion", "retention", "loyalty", "lapsed"):
            setattr(cls, name, cls.env.ref(f"clm.stage_{name}"))
        cls.product = cls.env["product.product"].create({"name": "Coffee", "type": "service", "list_price": 100.0})
        cls.now = datetime.now().replace(microsecond=0)

    @classmethod
    def _create_user(cls, login, *groups, **vals):
        return new_test_user(cls.env, login, groups=",".join(["base.group_user", *groups]), **vals)

    @classmethod
    def days_ago(cls, days, hours=0):
        return cls.now - timedelta(days=days, hours=hours)

    def _create_partner(self, name="Ada", known_since=None, **vals):
        """:param datetime known_since: when the contact was created; default: just now"""
        partner = self.env["res.partner"].create({"name": name, **vals})
        if known_since:
            self._backdate(partner, known_since)
        return partner

    def _create_order(self, partner, date=None, confirm=True, price=100.0, **vals):
        """Create an order of one line, back-dated with its creation as an import would do it."""
        order = self.env["sale.order"].create({
            "partner_id": partner.id,
            "order_line": [Command.create({
                "product_id": self.product.id, "price_unit": price, "tax_ids": [Command.clear()],
            })],
            **vals,
        })
        if confirm:
            order.action_confirm()
        if date:
            order.date_order = date
            self._backdate(order, date)
        return order

    def _create_invoice(self, partner, date, price=100.0, move_type="out_invoice", **vals):
        invoice = self.env["account.move"].create({
            "partner_id": partner.id,
            "move_type": move_type,
            "invoice_date": date,
            "invoice_line_ids": [Command.create({
                "product_id": self.product.id, "price_unit": price, "tax_ids": [Command.clear()],
            })],
            **vals,
        })
        invoice.action_post()
        return invoice

    def _backdate(self, record, date):
        record.flush_recordset()
        self.env.cr.execute(SQL(
            "UPDATE %s SET create_date = %s WHERE id = %s", SQL.identifier(record._table), date, record.id
        ))
        record.invalidate_recordset(["create_date"])

    def _create_rule(self, stage, *conditions, **vals):
        return self.env["clm.rule"].create({
            "name": f"To {stage.name}",
            "stage_id": stage.id,
            "condition_ids": [Command.create(condition) for condition in conditions],
            **vals,
        })

    def _visits(self, partner):
        """:return: list of (stage, cycle) of the visits that hold, oldest first"""
        visits = self.env["clm.visit"].search([("partner_id", "=", partner.id)], order="number")
        return [(visit.stage_id, visit.cycle) for visit in visits]

    def _stages(self, partner):
        return [stage for stage, __ in self._visits(partner)]
