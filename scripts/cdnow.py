"""Load the CDNOW sample, real purchases of 2,357 customers in 1997 and 1998, as confirmed orders.

Run by ``scripts/demo --cdnow``; the tests use the same code. Each customer is a contact with the tag
"CDNOW sample", each purchase an order of one line, dated back. Customers that are there already are
left alone, so that a second run adds nothing and an interrupted one goes on.
"""

import argparse
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from time import sleep
from zoneinfo import ZoneInfo

import odoo
from odoo.modules.registry import Registry

UTC = ZoneInfo("UTC")
BATCH = 100  # customers for each transaction
TAG = "CDNOW sample"
PRODUCT = "Compact discs"
QUIET = {
    "tracking_disable": True,
    "mail_create_nolog": True,
    "mail_create_nosubscribe": True,
    "mail_notrack": True,
    "no_reset_password": True,
}

# Nobody sold these, no campaign led to them; saying so saves Odoo a search for each order.
NOBODY = {"user_id": False, "team_id": False, "campaign_id": False, "source_id": False, "medium_id": False}


@dataclass(frozen=True)
class Purchase:
    """One line of the sample: ``customer`` bought ``discs`` on ``day`` for ``amount`` dollars (0 is possible)."""

    customer: int
    day: date
    discs: int
    amount: float


def read_purchases(path):
    """:return: list of :class:`Purchase`, in the order of the file: by customer, then by day"""
    purchases = []
    for line in Path(path).read_text(encoding="ascii").splitlines():
        _master_id, customer, day, discs, amount = line.split()
        day = datetime.strptime(day, "%Y%m%d").date()
        purchases.append(Purchase(int(customer), day, int(discs), float(amount)))
    return purchases


def shift_to(purchases, last_day):
    """Move all purchases by the same number of days, so that the latest is on ``last_day``."""
    return shift(purchases, last_day - max(purchase.day for purchase in purchases))


def shift(purchases, offset):
    return [replace(purchase, day=purchase.day + offset) for purchase in purchases]


class Loader:
    """Writes purchases into the database of ``env``. It never commits; :meth:`load` lets the caller do so."""

    def __init__(self, env):
        self.env = env(context=dict(env.context, **QUIET))
        self.zone = ZoneInfo(env["res.company"]._lifecycle_timezones()[env.company.id])
        self.tag = self._find_or_create("res.partner.category", name=TAG)
        self.product = self._find_or_create("product.product", name=PRODUCT, taxes_id=[(5,)], list_price=12.0)

    def _find_or_create(self, model, **vals):
        return self.env[model].search([("name", "=", vals["name"])], limit=1) or self.env[model].create(vals)

    def load(self, purchases, batch=BATCH):
        """Load the customers that are not there yet.

        :return: iterator over (customers done, customers in all), after each batch
        """
        by_customer = defaultdict(list)
        for purchase in purchases:
            by_customer[purchase.customer].append(purchase)
        done, total = 0, len(by_customer)
        rest = iter(by_customer.items())
        while chunk := dict(islice(rest, batch)):
            self._load_customers(chunk)
            done += len(chunk)
            yield done, total

    def known_offset(self, purchases):
        """:return: by how much the purchases that are there already were moved (timedelta); None if there are none"""
        domain = [("category_id", "in", self.tag.ids), ("ref", "=like", "CDNOW-%")]
        partner = self.env["res.partner"].search(domain, order="ref", limit=1)
        order = self.env["sale.order"].search([("partner_id", "in", partner.ids)], order="date_order", limit=1)
        if not order:
            return None
        first_day = min(purchase.day for purchase in purchases if partner.ref == self._ref(purchase.customer))
        return order.date_order.replace(tzinfo=UTC).astimezone(self.zone).date() - first_day

    @staticmethod
    def _ref(customer):
        return f"CDNOW-{customer:04}"

    def _load_customers(self, by_customer):
        refs = {number: self._ref(number) for number in by_customer}
        domain = [("category_id", "in", self.tag.ids), ("ref", "in", list(refs.values()))]
        known_refs = set(self.env["res.partner"].search(domain).mapped("ref"))
        new = {number: purchases for number, purchases in by_customer.items() if refs[number] not in known_refs}
        partners = self.env["res.partner"].create(
            [
                {"name": f"CDNOW customer {number:04}", "ref": refs[number], "category_id": [(4, self.tag.id)]}
                for number in new
            ]
        )
        orders, dates = self._create_orders(
            [(partner, purchase) for partner, bought in zip(partners, new.values(), strict=True) for purchase in bought]
        )
        orders.action_confirm()
        self._date_back(partners, orders, dates)

    def _create_orders(self, purchases):
        """:return: pair of orders and their dates (naive, UTC)"""
        dates = [self._noon(purchase.day) for _partner, purchase in purchases]
        orders = self.env["sale.order"].create(
            [
                self._prepare_order_vals(partner, purchase, moment)
                for (partner, purchase), moment in zip(purchases, dates, strict=True)
            ]
        )
        return orders, dates

    def _prepare_order_vals(self, partner, purchase, moment):
        line = {
            "product_id": self.product.id,
            "name": f"{purchase.discs} compact discs",
            "product_uom_qty": 1,
            "price_unit": purchase.amount,
            "tax_ids": [(5,)],
            "analytic_distribution": False,
        }
        return {
            "partner_id": partner.id,
            "date_order": moment,
            "order_line": [(0, 0, line)],
            **NOBODY,
        }

    def _noon(self, day):
        local = datetime.combine(day, time(12), self.zone)
        return local.astimezone(UTC).replace(tzinfo=None)

    def _date_back(self, partners, orders, dates):
        """Confirming sets today's date and nothing but SQL sets the date of creation."""
        if not orders:
            return
        self.env.flush_all()
        first = {}
        for order, moment in zip(orders, dates, strict=True):
            known = first.setdefault(order.partner_id.id, moment)
            first[order.partner_id.id] = min(known, moment)
        self.env.cr.execute_values(
            "UPDATE sale_order SET date_order = v.moment, create_date = v.moment"
            " FROM (VALUES %s) AS v (id, moment) WHERE sale_order.id = v.id",
            list(zip(orders.ids, dates, strict=True)),
        )
        self.env.cr.execute_values(
            "UPDATE res_partner SET create_date = v.moment - interval '1 hour'"
            " FROM (VALUES %s) AS v (id, moment) WHERE res_partner.id = v.id",
            list(first.items()),
        )
        self.env.invalidate_all()


def process_queue(env):
    """Run the lifecycle's queue until it is empty; the server's crons may be taking from it as well."""
    while env["clm.queue"]._count():
        env["clm.lifecycle.engine"]._process_queue()
        env.cr.commit()
        sleep(0.5)


def load_sample(env, path, real_dates):
    """Load the sample, or the rest of it, and print what happens as lines that begin with ``CDNOW:``."""
    loader = Loader(env)
    purchases = read_purchases(path)
    offset = loader.known_offset(purchases)
    if offset is not None:
        purchases = shift(purchases, offset)
    elif not real_dates:
        purchases = shift_to(purchases, date.today() - timedelta(days=1))
    for done, total in loader.load(purchases):
        env.cr.commit()
        print(f"CDNOW: {done} of {total} customers", flush=True)
    print("CDNOW: finding their stages", flush=True)
    process_queue(env)
    days = [purchase.day for purchase in purchases]
    print(f"CDNOW: {total} customers with {len(days)} purchases from {min(days)} to {max(days)}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="configuration file of Odoo, with the database's name")
    parser.add_argument("--file", required=True, help="CDNOW_sample.txt")
    parser.add_argument("--real-dates", action="store_true", help="keep 1997 and 1998; default: the last is yesterday")
    options = parser.parse_args()
    odoo.tools.config.parse_config(["-c", options.config, "--no-http"])
    with Registry(odoo.tools.config["db_name"][0]).cursor() as cr:
        load_sample(odoo.api.Environment(cr, odoo.SUPERUSER_ID, {}), options.file, options.real_dates)


if __name__ == "__main__":
    main()
