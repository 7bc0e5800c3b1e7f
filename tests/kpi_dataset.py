import random
from datetime import date, datetime, timedelta

from freezegun import freeze_time

from odoo.fields import Command
from odoo.tools import SQL

from .contract_common import PDF
from .kpi_sales import NOW
from .kpi_success import SuccessData

RATES = (0.5, 0.8, 1.25, 2.0)
FIRST_CONTRACT = date(2025, 6, 16)


class KpiDataCase(SuccessData):
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
        cls._move_by_hand()
        cls._create_referrals()
        cls._create_answers()
        cls._create_ratings()
        cls._create_handovers()
        cls._create_health()
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
                for place in (1, 14):
                    day, worth = date(2025 + number // 12, number % 12 + 1, place), cls.chance.choice(RATES)
                    cls.rates[company][day] = worth
                    vals_list.append({
                        "name": day, "company_id": company.id, "currency_id": cls.foreign.id, "rate": 1 / worth,
                    })
        cls.env["res.currency.rate"].create(vals_list)

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
        cls.silent, late = (
            cls.env["res.partner"].create([
                {
                    "name": f"{name} {number}", "company_id": cls.companies[number % 2].id,
                    "user_id": (cls.user | cls.stranger)[number // 2 % 2].id,
                }
                for number in range(8)
            ])
            for name in ("Silent", "Late")
        )
        cls.customers |= cls.silent | late
        cls.contacts = cls.env["res.partner"].create([
            {"name": f"Contact of {partner.name}", "parent_id": partner.id, "company_id": partner.company_id.id}
            for partner in cls.customers[:25]
        ])
        for company, (_income, receivable) in cls.accounts.items():
            (cls.customers | cls.contacts).with_company(company).property_account_receivable_id = receivable
        (cls.customers | cls.contacts).with_company(cls.home).property_account_payable_id = cls.payable
        cls.known = {partner: cls._moment(cls.home, last=date(2026, 12, 31)) for partner in cls.customers}
        cls.known |= {partner: datetime(2025, 6, 1) for partner in cls.silent}
        cls.known |= {partner: datetime(2026, 11, 3 + number) for number, partner in enumerate(late)}
        everybody = cls.customers | cls.contacts
        cls._stamp(everybody, [(cls.known[partner.commercial_partner_id],) for partner in everybody], "create_date")

    @classmethod
    def _move_by_hand(cls):
        """Some are said to have bought or left, whatever their documents tell."""
        cls.env["clm.stage.change"].create([
            {"partner_id": partner.id, "date": cls._moment(cls.home, date(2026, 8, 1)), "stage_id": stage.id}
            for stage in (cls.conversion, cls.lapsed, cls.retention)
            for partner in cls.chance.sample(list(cls.customers), 3)
        ])

    @classmethod
    def _addressee(cls, partner):
        """:return: the customer, or who works there"""
        return cls.chance.choice((partner, *partner.child_ids))

    @classmethod
    def _since(cls, partner):
        return cls.known[partner].date() + timedelta(days=1)
