import random
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from freezegun import freeze_time

from odoo.fields import Command
from odoo.tools import SQL

from .contract_common import PDF
from .kpi_contracts import ContractData

UTC = ZoneInfo("UTC")
#: Thursday morning in Auckland, Wednesday afternoon in New York; week 53 of 2026 is over.
NOW = datetime(2027, 2, 10, 22, 0)
FIRST, FIRST_CONTRACT = date(2025, 1, 6), date(2025, 6, 16)
RATES = (0.5, 0.8, 1.25, 2.0)
#: Local days on which weeks, months, quarters (from 1 January and from 6 April) or summer time begin.
BORDERS = tuple(map(date.fromisoformat, (
    "2026-01-01", "2026-01-05", "2026-01-06", "2026-02-01", "2026-03-01", "2026-03-08", "2026-04-01", "2026-04-05",
    "2026-04-06", "2026-07-01", "2026-07-06", "2026-09-27", "2026-10-01", "2026-10-06", "2026-11-01", "2026-12-01",
    "2026-12-28", "2027-01-01", "2027-01-04", "2027-01-06", "2027-02-01", "2027-02-08",
)))
NEAR = (timedelta(minutes=-30), timedelta(seconds=-1), timedelta(), timedelta(seconds=1), timedelta(minutes=30))


class KpiDataCase(ContractData):
    """Two years of two companies at the two ends of the world, made by chance, always the same.

    ``cls.home`` is the main company: Auckland, calendar year. ``cls.away``: New York, another currency, fiscal years
    from 6 April. Customers, teams and one foreign currency are shared. The clock stands still at ``NOW``.
    """

    @classmethod
    def setUpClass(cls):
        clock = freeze_time(NOW)
        cls.clock = clock.start()
        cls.addClassCleanup(clock.stop)
        super().setUpClass()
        cls.classPatch(
            cls.registry["ir.actions.report"], "_render_qweb_pdf",
            lambda report, report_ref, res_ids=None, data=None: (PDF, "pdf"),
        )
        cls.chance = random.Random(53)
        cls.env.cr.execute(SQL("DELETE FROM clm_kpi_value"))
        cls._create_companies()
        cls._create_rates()
        cls._create_customers()
        cls._create_leads()
        cls._create_orders()
        cls._create_invoices()
        cls._create_spend()
        cls._live_contracts(FIRST_CONTRACT, NOW)
        cls.clock.move_to(NOW)
        cls.customers[-1].active = False  # what an archived customer did, has been done
        cls.env["clm.lifecycle.engine"]._process_queue()
        cls.env.flush_all()
        cls.env.invalidate_all()

    # === COMPANIES === #

    @classmethod
    def _create_companies(cls):
        cls.home = cls.company
        cls.home.write({
            "lifecycle_tz": "Pacific/Auckland", "clm_gross_margin": 0.8, "clm_billing_post": True,
            "fiscalyear_last_month": "12", "fiscalyear_last_day": 31,
        })
        cls.money = cls.env["res.currency"].create({"name": "CLB", "symbol": "b"})
        cls.foreign = cls.env["res.currency"].create({"name": "CLX", "symbol": "x"})
        cls.away = cls.env["res.company"].create({
            "name": "Far Away", "currency_id": cls.money.id, "lifecycle_tz": "America/New_York",
            "fiscalyear_last_month": "4", "fiscalyear_last_day": 5, "clm_customer_years": 2.5,
        })
        cls.companies = cls.home | cls.away
        cls.staff = cls.user | cls.mate | cls.stranger | cls.approver | cls.manager
        cls.staff.write({"company_ids": [Command.set(cls.companies.ids)]})
        cls.env = cls.env["base"].with_context(allowed_company_ids=cls.companies.ids).env
        cls.env.cr.execute(SQL("DELETE FROM clm_queue"))  # moving the time zone queued everybody
        cls.teams = cls.team | cls.other_team
        cls.accounts = {cls.home: (cls.income, cls.receivable), cls.away: cls._open_books(cls.away)}
        for company, (income, _receivable) in cls.accounts.items():
            cls.product.with_company(company).property_account_income_id = income

    @classmethod
    def _open_books(cls, company):
        """:return: accounts of income and receivables, with a journal for invoices"""
        env = cls.env["base"].with_company(company).env
        income, receivable = env["account.account"].create([
            {"name": "Away income", "code": "AWI", "account_type": "income", "company_ids": company.ids},
            {"name": "Away receivable", "code": "AWR", "account_type": "asset_receivable", "reconcile": True,
             "company_ids": company.ids},
        ])
        env["account.journal"].create({
            "name": "Away sales", "code": "AWS", "type": "sale", "company_id": company.id,
            "default_account_id": income.id,
        })
        return income, receivable

    @classmethod
    def _create_rates(cls):
        """What a unit of the foreign currency is worth in each company; it moves on the 1st and the 14th."""
        cls.rates, vals_list = {}, []
        for company in cls.companies:
            cls.rates[company] = {}
            vals_list.append({
                "name": "2000-01-01", "company_id": company.id, "currency_id": company.currency_id.id, "rate": 1.0,
            })
            for number in range(27):
                for day in (1, 14):
                    day, worth = date(2025 + number // 12, number % 12 + 1, day), cls.chance.choice(RATES)
                    cls.rates[company][day] = worth
                    vals_list.append({
                        "name": day, "company_id": company.id, "currency_id": cls.foreign.id, "rate": 1 / worth,
                    })
        cls.env["res.currency.rate"].create(vals_list)

    # === CHANCE === #

    @classmethod
    def _moment(cls, company, first=FIRST, last=NOW.date() - timedelta(days=1)):
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

    # === CUSTOMERS === #

    @classmethod
    def _create_customers(cls):
        companies = (False, False, cls.home.id, cls.away.id)
        cls.customers = cls.env["res.partner"].create([
            {
                "name": f"Customer {number:02}", "is_company": number < 25, "company_id": companies[number // 2 % 4],
                "user_id": (False, cls.user.id, cls.stranger.id)[number % 3],
                "property_payment_term_id": False,
            }
            for number in range(56)
        ])
        cls.silent = cls.env["res.partner"].create([
            {
                "name": f"Silent {number}", "company_id": cls.companies[number % 2].id,
                "user_id": (cls.user | cls.stranger)[number // 2 % 2].id,
            }
            for number in range(8)
        ])
        cls.customers |= cls.silent
        cls.contacts = cls.env["res.partner"].create([
            {"name": f"Contact of {partner.name}", "parent_id": partner.id, "company_id": partner.company_id.id}
            for partner in cls.customers[:25]
        ])
        for company, (_income, receivable) in cls.accounts.items():
            (cls.customers | cls.contacts).with_company(company).property_account_receivable_id = receivable
        cls.known = {partner: cls._moment(cls.home, last=date(2026, 12, 31)) for partner in cls.customers}
        cls.known |= {partner: datetime(2025, 6, 1) for partner in cls.silent}
        everybody = cls.customers | cls.contacts
        cls._stamp(everybody, [(cls.known[partner.commercial_partner_id],) for partner in everybody], "create_date")

    @classmethod
    def _addressee(cls, partner):
        """:return: the customer, or who works there"""
        return cls.chance.choice((partner, *partner.child_ids))

    @classmethod
    def _since(cls, partner):
        return cls.known[partner].date() + timedelta(days=1)

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
        ])
