from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from odoo.fields import Command
from odoo.tools import SQL

from .kpi_contracts import ContractData

UTC = ZoneInfo("UTC")
#: Thursday morning in Auckland, Wednesday afternoon in New York; week 53 of 2026 is over.
NOW, YESTERDAY = datetime(2027, 2, 10, 22, 0), date(2027, 2, 9)
FIRST = date(2025, 1, 6)
#: Local days on which weeks, months, quarters (from 1 January and from 6 April) or summer time begin.
BORDERS = tuple(map(date.fromisoformat, (
    "2026-01-01", "2026-01-05", "2026-01-06", "2026-02-01", "2026-03-01", "2026-03-08", "2026-04-01", "2026-04-05",
    "2026-04-06", "2026-07-01", "2026-07-06", "2026-09-27", "2026-10-01", "2026-10-06", "2026-11-01", "2026-12-01",
    "2026-12-28", "2027-01-01", "2027-01-04", "2027-01-06", "2027-02-01", "2027-02-08",
)))
NEAR = (timedelta(minutes=-30), timedelta(seconds=-1), timedelta(), timedelta(seconds=1), timedelta(minutes=30))


class SalesData(ContractData):
    """Leads, orders, invoices and spend of two years, made by chance, often next to the border of a period.

    Customers and companies are those of ``KpiDataCase``.
    """

    # === CHANCE === #

    @classmethod
    def _moment(cls, company, first=FIRST, last=YESTERDAY):
        """:return: an instant (naive UTC) between two days, often next to the border of a period"""
        zone = ZoneInfo(company.lifecycle_tz)
        borders = [day for day in BORDERS if first < day <= last]
        if borders and cls.chance.random() < 0.35:
            local = datetime.combine(cls.chance.choice(borders), time(), zone)
            return local.astimezone(UTC).replace(tzinfo=None) + cls.chance.choice(NEAR)
        day = first + timedelta(days=cls.chance.randint(0, (last - first).days))
        return datetime.combine(day, time()) + timedelta(seconds=cls.chance.randint(0, 86399))

    @classmethod
    def _sells(cls, partner):
        """:return: a company that may sell to a customer"""
        return partner.company_id or cls.chance.choice((cls.home, cls.home, cls.away))

    @classmethod
    def _stamp(cls, records, moments, *columns):
        """Set dates that the ORM sets itself.

        :param moments: for each record a tuple of values of these columns
        """
        cls.env.flush_all()
        for record, values in zip(records, moments, strict=True):
            sets = SQL(", ").join(
                SQL("%s = %s", SQL.identifier(column), value) for column, value in zip(columns, values, strict=True)
            )
            cls.env.cr.execute(SQL("UPDATE %s SET %s WHERE id = %s", SQL.identifier(record._table), sets, record.id))
        cls.env.invalidate_all()

    # === LEADS === #

    @classmethod
    def _create_leads(cls):
        chance, vals_list, moments, outcomes = cls.chance, [], [], []
        for partner in cls.customers[:50]:
            for _number in range(chance.choice((0, 1, 1, 2, 4))):
                company = cls._sells(partner)
                begun = cls._moment(company, min(cls._since(partner), NOW.date() - timedelta(days=20)))
                converted = begun + timedelta(hours=chance.randint(1, 300)) if chance.random() < 0.5 else None
                kind = chance.choice(("lead", "opportunity")) if not converted else "opportunity"
                closed = min(max(begun, cls._moment(company, begun.date())), NOW - timedelta(hours=1))
                vals_list.append({
                    "name": f"Lead of {partner.name}", "partner_id": cls._addressee(partner).id, "type": kind,
                    "company_id": chance.choice((company.id, company.id, partner.company_id.id)),
                    "team_id": chance.choice((False, *cls.teams.ids)), "user_id": False, "expected_revenue": 50.0,
                })
                moments.append((begun, converted, closed))
                outcomes.append(chance.choice(("won", "lost", "open") if kind == "opportunity" else ("lost", "open")))
        leads = cls.env["crm.lead"].create(vals_list)
        for lead, outcome in zip(leads, outcomes, strict=True):
            if outcome == "won":
                lead.action_set_won()
            elif outcome == "lost":
                lead.action_set_lost()
        cls._stamp(leads, [
            (begun, converted, closed if outcome != "open" else None)
            for (begun, converted, closed), outcome in zip(moments, outcomes, strict=True)
        ], "create_date", "date_conversion", "date_closed")

    # === SALES === #

    @classmethod
    def _create_orders(cls):
        chance, orders, moments = cls.chance, cls.env["sale.order"], []
        pricelist = cls.env["product.pricelist"].create({
            "name": "Foreign", "currency_id": cls.foreign.id, "company_id": False,
        })
        by_company = {company: [] for company in cls.companies}
        for number, partner in enumerate(cls.customers[:48]):
            for _number in range(chance.choice((0, 1, 2, 4, 7))):
                company = cls._sells(partner)
                quick = date(2026, 1, 1) if number % 3 else cls._since(partner)
                by_company[company].append((partner, cls._moment(company, max(quick, FIRST))))
        for number, partner in enumerate(cls.silent):  # for a year; half of them come back
            days = (datetime(2025, 9 + number // 2, 10), *([datetime(2027, 1, 5 + number)] if number < 4 else ()))
            by_company[partner.company_id] += [(partner, day) for day in days]
        for company, bought in by_company.items():
            own = cls.env["sale.order"].with_company(company).create([
                {
                    "partner_id": cls._addressee(partner).id, "company_id": company.id, "user_id": False,
                    "team_id": chance.choice((False, *cls.teams.ids)),
                    "pricelist_id": pricelist.id if chance.random() < 0.15 else False,
                    "order_line": [Command.create({
                        "product_id": cls.product.id, "tax_ids": [Command.clear()],
                        "price_unit": chance.choice((10.0, 99.99, 250.0, 1234.5, -40.0, 0.0)),
                    })],
                }
                for partner, _moment in bought
            ])
            own[4:].action_confirm()  # the others remain quotations
            own[4:7]._action_cancel()
            orders |= own
            moments += [(moment, moment) for _partner, moment in bought]
        cls._stamp(orders, moments, "date_order", "create_date")
        cls.orders = orders.filtered(lambda order: order.state == "sale")

    @classmethod
    def _create_invoices(cls):
        """Invoices of which no order knows, credit notes, and invoices of orders."""
        chance = cls.chance
        for company in cls.companies:
            vals_list, stamps = [], []
            for _number in range(30):
                partner = chance.choice([p for p in cls.customers[:55] if p.company_id in (company, company.browse())])
                moment = cls._moment(company, max(cls._since(partner), date(2025, 6, 1)))
                day = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(company.lifecycle_tz)).date()
                kind = chance.choice(("out_invoice", "out_invoice", "out_refund"))
                vals_list.append({
                    "partner_id": cls._addressee(partner).id, "move_type": kind, "invoice_date": day,
                    "company_id": company.id, "team_id": chance.choice((False, *cls.teams.ids)),
                    "invoice_user_id": False, "invoice_line_ids": [Command.create({
                        "product_id": cls.product.id, "tax_ids": [Command.clear()],
                        "price_unit": chance.choice((20.0, 77.77, 300.0, 0.0)),
                    })],
                })
                stamps.append((chance.choice((moment, moment + timedelta(days=3))),))
            moves = cls.env["account.move"].with_company(company).create(vals_list)
            moves[2:].action_post()
            cls._stamp(moves, stamps, "create_date")
            own = cls.orders.filtered(lambda order, c=company: order.company_id == c and order.amount_untaxed > 0)
            own[:3].with_company(company)._create_invoices().action_post()

    @classmethod
    def _create_spend(cls):
        chance = cls.chance
        cls.env["clm.spend"].create([
            {
                "name": "Advertising", "company_id": company.id, "amount": chance.choice((31.0, 100.0, 1000.0)),
                "date_from": day, "date_to": day + timedelta(days=chance.choice((0, 6, 30, 45, 89))),
                "currency_id": chance.choice((company.currency_id.id, cls.foreign.id)),
                "team_id": chance.choice((False, *cls.teams.ids)), "active": chance.random() < 0.9,
            }
            for company in cls.companies for _number in range(14)
            for day in [FIRST + timedelta(days=chance.randint(300, 760))]
        ] + [
            {
                "name": "Fair", "company_id": company.id, "amount": 500.0, "team_id": team.id,
                "date_from": "2026-09-14", "date_to": "2027-01-20", "currency_id": company.currency_id.id,
            }
            for company in cls.companies for team in cls.teams
        ])
