from datetime import date

from odoo.fields import Date

from .kpi_sales import NOW, SalesData

#: Answers and hand-overs begin here: late enough for the teams to have some of each in every quarter.
ASKED_SINCE = date(2026, 6, 1)


class SuccessData(SalesData):
    """Answers, ratings, hand-overs and referrals of some months, made by chance.

    Customers and companies are those of ``KpiDataCase``.
    """

    @classmethod
    def _create_referrals(cls):
        """Some brought others, a few of whom never bought. Nobody else did, nor any source."""
        cls.env.cr.execute("UPDATE res_partner SET referred_by_id = NULL WHERE referred_by_id IS NOT NULL")
        cls.env.cr.execute("UPDATE utm_source SET clm_partner_id = NULL WHERE clm_partner_id IS NOT NULL")
        cls.env.cr.execute("DELETE FROM clm_referral")
        cls.env.invalidate_all()
        brought = cls.chance.sample(list(cls.customers), 30)
        for partner in brought:
            referrer = cls.chance.choice([other for other in cls.customers if other not in brought])
            partner.referred_by_id = cls._addressee(referrer)

    @classmethod
    def _create_answers(cls):
        """Answers to both questions, some of the same person in the same period, and requests without any."""
        vals_list = []
        for partner in cls.customers:
            for _number in range(cls.chance.randint(1, 5)):
                company, kind = cls._sells(partner), cls.chance.choice(("nps", "nps", "csat"))
                answered = cls._moment(company, ASKED_SINCE)
                vals_list.append({
                    "contact_id": cls._addressee(partner).id, "company_id": company.id, "kind": kind,
                    "state": "answered", "answered_at": answered, "sent_at": answered,
                    "score": cls.chance.randint(0, 10) if kind == "nps" else cls.chance.randint(1, 5),
                    "team_id": cls.chance.choice((False, *cls.teams.ids)), "user_id": False,
                })
            vals_list.append({
                "contact_id": partner.id, "company_id": cls._sells(partner).id, "kind": "nps", "state": "expired",
            })
        cls.env["clm.feedback"]._unlocked().create(vals_list)

    @classmethod
    def _create_ratings(cls):
        """Ratings of Odoo's own, one of which says nothing and one of which is no answer yet."""
        vals_list, moments = [], []
        for partner in cls.chance.sample(list(cls.customers), 40):
            vals_list.append({
                "res_model_id": cls.env.ref("base.model_res_partner").id, "res_id": partner.id,
                "partner_id": cls._addressee(partner).id, "consumed": cls.chance.random() < 0.9,
                "rating": cls.chance.choice((0, 1, 2, 3, 4, 5)),
            })
            moments.append((cls._moment(cls._sells(partner), ASKED_SINCE),))
        cls._stamp(cls.env["rating.rating"].create(vals_list), moments, "rated_on")

    @classmethod
    def _create_handovers(cls):
        takers = [
            {"user_id": cls.user.id}, {"user_id": cls.stranger.id},
            *({"team_id": team.id} for team in cls.teams),
        ]
        vals_list = []
        for partner in cls.customers:
            for _number in range(cls.chance.randint(0, 3)):
                company = cls._sells(partner)
                state = cls.chance.choice(("accepted", "accepted", "returned", "cancelled"))
                decided = cls._moment(company, ASKED_SINCE)
                vals_list.append({
                    "partner_id": partner.id, "company_id": company.id, "state": state, "requested_at": decided,
                    "date_due": decided, "decided_at": decided, **cls.chance.choice(takers),
                })
        cls.env["clm.handover"].create(vals_list)

    @classmethod
    def _create_health(cls):
        """Health by month, unknown for some in some months, and that of today."""
        scores, history = [], []
        for partner in cls.customers:
            month, last = date(2026, cls.chance.randint(3, 9), 1), NOW.date().replace(day=1)
            while month < last:
                until = Date.add(month, months=cls.chance.randint(0, 4))
                lasts = until >= Date.subtract(last, months=1)
                if cls.chance.random() < 0.8:
                    history.append({
                        "partner_id": partner.id, "month": month, "month_until": False if lasts else until,
                        **cls._any_health(),
                    })
                month = Date.add(until, months=1)
            if cls.chance.random() < 0.8:
                scores.append({"partner_id": partner.id, **cls._any_health()})
        cls.env.cr.execute("DELETE FROM clm_customer_score")
        cls.env.cr.execute("DELETE FROM clm_customer_score_history")
        cls.env["clm.customer.score"].create(scores)
        cls.env["clm.customer.score.history"].create(history)

    @classmethod
    def _any_health(cls):
        health = cls.chance.randint(0, 100)
        return {"health": health, "band": "red" if health <= 50 else "yellow" if health <= 75 else "green"}
