from datetime import date, datetime, time, timedelta

from odoo.exceptions import UserError
from odoo.fields import Command

from .billing_common import BillingCase
from .contract_common import PNG

#: Days between two looks at the contracts, and how much happens then.
STEP = timedelta(days=63)
ACTS_PER_STEP = 8
ACTS = (
    "create", "create", "renew", "decide", "let_end", "terminate", "amend", "pause", "resume", "skip", "credit",
)
PRICES = (100.0, 30.0, 250.0, 80.0)


class ContractData(BillingCase):
    """Twenty months of contracts, day by day: concluded, also by signature, renewed, changed, paused, billed and ended.

    Each customer pays in one currency. Customers, companies, ``chance`` and ``clock`` are those of ``KpiDataCase``.
    """

    @classmethod
    def _live_contracts(cls, first, now):
        cls.buyers = cls.customers[:56:2]
        cls.place = {partner: number for number, partner in enumerate(cls.buyers)}
        cls.kinds = [
            cls._create_type(
                clauses=cls.env["clm.clause"], name=policy, signature_required="none", renewal_policy=policy,
                term_months=months, notice_count=1, decide_days=20,
            )
            for policy, months in (("auto", 6), ("auto", 12), ("manual", 6), ("evergreen", 0))
        ]
        cls.signed_types = {
            direction: cls._create_type(
                clauses=cls.clauses[:1], steps=[{"name": "Desk"}], renewal_policy="manual", direction=direction)
            for direction in ("customer", "supplier")
        }
        story = [
            (datetime.combine(first, time(9)), cls._conclude_first),
            (datetime(2026, 4, 1, 9), cls._conclude_half_year),
            (datetime(2026, 9, 10, 9), cls._decide_to_end),
            (datetime(2026, 10, 15, 9), cls._expand),
        ]
        for number in range(6):
            story += cls._plan_signature(number, first, now)
        day = first
        while day < now.date():
            story.append((datetime.combine(day, time(12)), cls._look))
            day += STEP
        for moment, act in sorted(story, key=lambda step: step[0]):
            cls.clock.move_to(moment)
            act()
        cls.clock.move_to(now)
        cls._look()
        cls.env["clm.contract"]._cron_mrr()
        drafts = cls._contracts().installment_ids.move_id.filtered(lambda move: move.state == "draft")
        for move in drafts[::2]:
            move.action_post()

    # === DAYS === #

    @classmethod
    def _look(cls):
        """A day on which somebody looks at the contracts, after the daily run."""
        cls.env["clm.contract"]._cron_daily()
        cls.env["clm.billing.engine"]._run()
        for duty in cls._contracts().obligation_ids.filtered(lambda duty: duty.state == "open"):
            if duty.date_due <= date.today() and duty.contract_id.state == "active":
                cls._settle(duty)
        for _number in range(ACTS_PER_STEP):
            act = cls.chance.choice(ACTS)
            try:
                with cls.env.cr.savepoint():
                    cls._act(act)
                    cls.env.flush_all()
            except UserError:
                cls.env.invalidate_all(flush=False)

    @classmethod
    def _contracts(cls):
        return cls.env["clm.contract"].search([("partner_id", "in", (cls.customers | cls.contacts).ids)], order="id")

    @classmethod
    def _act(cls, act):
        """:raise UserError: when that cannot be done today"""
        chance = cls.chance
        if act == "create":
            cls._conclude(chance.choice(cls.kinds))
            return
        contracts = cls._contracts().filtered(
            lambda contract: contract.state == "active" and not contract.amends_id
            and contract.commercial_partner_id not in cls.faithful)
        if not contracts:
            return
        contract = chance.choice(contracts)
        contract = contract.with_company(contract.company_id)
        day = contract._today() + timedelta(days=chance.randint(-20, 15))
        if act == "renew":
            contract.action_renew(uplift=chance.choice((0, 10, -20)))
            if chance.random() < 0.8:
                contract.next_id.action_activate()
        elif act == "decide":
            contract.action_decide_renew()
        elif act == "let_end":
            contract.action_decide_end()
        elif act == "terminate":
            contract.action_terminate(cls.reason, max(day, contract.date_start), agreed=True)
        elif act == "amend":
            amendment = contract._amend(max(day, contract.date_start), reason="Change")
            amendment.line_ids[0].price_unit += chance.choice((-20.0, 20.0, 50.0))
            amendment.action_activate()
        elif act == "pause":
            last = chance.choice((False, day + timedelta(days=40)))
            contract._suspend("Holiday", max(day, contract.date_start), last)
        elif act == "resume":
            contract.action_resume()
        else:
            cls._change_bill(contract, act)

    @classmethod
    def _settle(cls, duty):
        """What is due is done in time or late, waived, or left."""
        if cls.chance.random() < 0.1:
            duty.action_waive("Not needed")
        elif cls.chance.random() < 0.8:
            duty._done(day=duty.date_due + timedelta(days=cls.chance.choice((-3, 0, 2))))

    @classmethod
    def _change_bill(cls, contract, act):
        rows = contract.installment_ids
        if act == "skip":
            rows = rows.filtered(lambda row: row.state in ("planned", "due"))
            rows.filtered(lambda row: row.kind == "charge")[:1].action_skip("Favour")
            rows.filtered("to_confirm")[:1].action_confirm_credit()
            return
        moves = rows.filtered(lambda row: row.kind == "charge").move_id.filtered(lambda move: move.state == "posted")
        for move in moves[-1:]:
            wizard = cls.env["account.move.reversal"].with_context(
                active_model="account.move", active_ids=move.ids,
            ).create({"journal_id": move.journal_id.id})
            cls.env["account.move"].browse(wizard.refund_moves()["res_id"]).action_post()

    # === CONTRACTS === #

    @classmethod
    def _prepare_terms(cls, partner, start):
        """:return: values of a contract of a customer, in the company and the currency in which they always pay"""
        chance = cls.chance
        place = cls.place[partner]
        company = partner.company_id or cls.companies[place % 2]
        currency = cls.foreign if place % 5 == 0 else company.currency_id
        team = cls.teams[place % 2] if currency == cls.foreign else chance.choice((*cls.teams, cls.teams.browse()))
        return {
            "partner_id": cls._addressee(partner).id, "company_id": company.id, "currency_id": currency.id,
            "user_id": cls.user.id, "team_id": team.id, "date_start": start,
            "line_ids": [
                Command.create(cls._prepare_line(
                    price_unit=chance.choice(PRICES), discount=chance.choice((0, 0, 10)),
                    recurrence_unit=unit, billing=chance.choice(("advance", "arrears")),
                ))
                for unit in chance.choice((("month",), ("month", "year"), ("month", "once")))
            ],
            "obligation_ids": [
                Command.create({
                    "name": "Report", "side": chance.choice(("us", "us", "them")),
                    "date_due": start + timedelta(days=chance.randint(0, 60)),
                    "recurrence_unit": chance.choice(("none", "month")),
                })
                for _number in range(chance.choice((0, 1, 2)))
            ],
        }

    @classmethod
    def _conclude(cls, kind):
        """A contract that needs no signature, in force since some day."""
        partner = cls.chance.choice(cls.buyers)
        start = date.today() + timedelta(days=cls.chance.randint(-20, 10))
        vals = cls._prepare_terms(partner, start)
        contract = cls.env["clm.contract"].with_company(vals["company_id"]).create({**vals, "type_id": kind.id})
        contract.action_activate()

    @classmethod
    def _conclude_first(cls):
        """Each team of each company has a contract that goes on by itself every half year."""
        cls.faithful = cls.customers.browse()  # nobody ends these
        for company in cls.companies:
            buyers = [buyer for buyer in cls.buyers if cls.place[buyer] % 5 and buyer.company_id == company]
            for team, partner in zip(cls.teams, buyers[-2:], strict=True):
                cls.faithful |= partner
                cls.env["clm.contract"].with_company(company).create({
                    **cls._prepare_terms(partner, date.today()), "team_id": team.id, "type_id": cls.kinds[0].id,
                    "obligation_ids": [Command.create({
                        "name": "Service", "side": "us", "date_due": date.today(), "recurrence_unit": "month",
                    })],
                }).action_activate()

    @classmethod
    def _conclude_half_year(cls):
        """A contract of each company that nobody wants to go on with."""
        cls.doomed = cls.env["clm.contract"]
        for company in cls.companies:
            partner = next(b for b in cls.buyers - cls.faithful if cls.place[b] % 5 and b.company_id == company)
            cls.faithful |= partner
            cls.doomed |= cls.env["clm.contract"].with_company(company).create({
                **cls._prepare_terms(partner, date.today()), "team_id": cls.teams[0].id, "type_id": cls.kinds[2].id,
            })
        cls.doomed.action_activate()

    @classmethod
    def _decide_to_end(cls):
        cls.doomed.action_decide_end()

    @classmethod
    def _expand(cls):
        """Who is faithful pays more from now on."""
        cls.env["clm.contract"]._cron_daily()
        contracts = cls._contracts().filtered(
            lambda contract: contract.commercial_partner_id in cls.faithful and contract.state == "active")
        for contract in (contracts - cls.doomed).filtered(lambda contract: contract.type_id in cls.kinds):
            amendment = contract._amend(date.today(), reason="More")
            amendment.line_ids[0].price_unit += 30.0
            amendment.action_activate()

    @classmethod
    def _plan_signature(cls, number, first, now):
        """:return: list of (moment, act): how a contract is drafted, negotiated, approved and signed, or given up"""
        made = []
        company, team = cls.companies[number % 2], cls.teams[number // 2 % 2]
        partner = [partner for partner in cls.buyers if partner.company_id == company][number // 2]

        kind = cls.signed_types["supplier" if number == 2 else "customer"]

        def draft():
            vals = cls._prepare_terms(partner, date.today() + timedelta(days=30))
            made.append(cls.env["clm.contract"].with_company(company).create({
                **vals, "type_id": kind.id, "direction": kind.direction, "team_id": team.id,
            }).with_user(cls.user))

        def do(method, *args):
            def act():
                user = cls.approver if method in ("action_approve", "action_reject") else cls.user
                getattr(made[0].with_user(user), method)(*args)
            return act

        acts = [draft]
        acts += [do("action_negotiate")] * (number % 3)
        acts += [do("action_request_approval")]
        if number == 1:
            acts += [do("action_reject", "Too cheap"), do("action_request_approval")]
        acts += [do("action_approve"), do("action_send")]
        if number == 4:
            acts += [do("action_cancel")]
        else:
            acts += [do("_sign", side, "Somebody", PNG) for side in ("them", "us")]
        moment = datetime.combine(first, time(8)) + timedelta(days=430 + 25 * number)
        story = []
        for act in acts:
            story.append((moment, act))
            moment = min(moment + timedelta(hours=cls.chance.randint(1, 130)), now - timedelta(hours=1))
        return story
