from datetime import timedelta

from odoo import api, models
from odoo.tools import SQL

from ..models.clm_feedback import ANSWERED, EXPIRED, SENT, WAITING
from .clm_knowing_effects import ACTIVE
from .clm_knowing_story import OUTCOMES, PAUSE, RATINGS, SURVEYS, VALID, person, questions
from .clm_kpi_demo import QUIET
from .clm_kpi_story import stories

MARK = "clm.demo_survey_0"
#: Low scores of the last days that somebody still has to answer; older ones have been.
OPEN_DAYS = 8
#: Quarters in which customers said something; KPIs of earlier ones stay what they were.
KPI_QUARTERS = 6
#: Customers of the running survey who wait for their mail, as they got another one lately.
WAITING_LAST = 6


class ClmDemo(models.AbstractModel):
    """Lets the demo customers speak, and bring each other. Called by demo data, after those of the KPIs.

    Dates that Odoo sets by itself are written afterwards, in the database. No mail is made.
    """

    _inherit = "clm.demo"

    @api.model
    def _load_knowing(self):
        """Let a year of questions, answers, referrals, hand-overs and playbooks pass; once."""
        if self.env.ref(MARK, raise_if_not_found=False):
            return
        quiet = self.with_context(**QUIET)
        days = quiet._days_of_orders()
        people = quiet._create_people(days)
        quiet._load_consent(people)
        quiet._load_feedback(people, list(days.values()))
        quiet._load_ratings(people, list(days.values()))
        quiet._load_referrals(days, people)
        # stages as they follow from all that, as playbooks act on them
        self.env.flush_all()
        self.env["clm.lifecycle.engine"]._rebuild(people.parent_id)
        quiet.with_context(**ACTIVE)._load_handovers(people.parent_id)
        quiet._load_playbooks(people.parent_id)
        self.env.flush_all()
        self.env.invalidate_all()

    @api.model
    def _load_scores(self):
        """Compute what the crons would compute: health of today and of the last year, and the KPIs of that time."""
        scores = self.env["clm.customer.score"]
        scores._refresh_now()
        for compute, month in scores._steps():
            compute(month) if month else compute()
        kpis = self.env["clm.kpi"].search([])  # pylint: disable=no-search-all
        for back in range(KPI_QUARTERS):
            kpis._fill_quarter(self.env.company, back)
        kpis._refresh_now(self.env.company)
        self.env["clm.kpi.target"]._alert(self.env.company)

    # === CUSTOMERS === #

    def _days_of_orders(self):
        """:return: dict of customer -> days ago of its orders, the first one first, in the order of first orders"""
        names = {tale.name for tale in stories() if tale.orders}
        known = self.env["res.partner"].search([("name", "in", list(names))], order="id")
        latest = {partner.name: partner for partner in known}  # those of an earlier demo have a life of their own
        own = self.env["ir.model.data"].search([("module", "=", "clm"), ("name", "=like", r"demo\_partner\_%")])
        customers = known.browse([*(partner.id for partner in latest.values()), *own.mapped("res_id")]).exists()
        orders = self.env["sale.order"].search(
            [("partner_id", "in", customers.ids), ("state", "=", "sale")], order="date_order",
        )
        today, days = self._ago(days=0), {}
        for order in orders:
            days.setdefault(order.partner_id, []).append((today - order.date_order.date()).days)
        return days

    def _create_people(self, customers):
        """:return: the person to talk to at each customer, in their order"""
        vals_list = []
        for place, customer in enumerate(customers):
            customer.ref = f"C-{1001 + place}"
            first, last = person(place)
            domain = "".join(letter for letter in customer.name.lower() if letter.isalnum())
            vals_list.append({
                "name": f"{first} {last}", "parent_id": customer.id, "type": "contact",
                "email": f"{first}.{last}@{domain}.example".lower(),
            })
        return self.env["res.partner"].create(vals_list)

    def _load_consent(self, people):
        """Two of three agreed to mails, a few want none."""
        people.filtered(lambda contact: contact.id % 3).lifecycle_consent = "given"
        people[5::17].lifecycle_consent = "refused"
        decided = people.filtered("lifecycle_consent")
        self._write_dates(decided, [{"lifecycle_consent_at": self._at(30 + contact.id % 300)} for contact in decided])

    # === FEEDBACK === #

    def _load_feedback(self, people, days):
        surveys = self._create_surveys()
        products = self.env.ref("clm.demo_product_support") | self.env.ref("clm.demo_product_platform")
        rows = [
            (contact, question, products[(place + number) % 3 // 2])
            for place, (contact, own) in enumerate(zip(people, days, strict=True))
            for number, question in enumerate(questions(place, own))
            if not (contact.lifecycle_consent == "refused" and question.asked < PAUSE)
        ]
        running = [contact for contact, question, _product in rows if question.survey == len(SURVEYS) - 1]
        late = set(running[-WAITING_LAST:])
        requests = self.env["clm.feedback"].create([
            self._prepare_feedback(
                contact, question, surveys, product, late=contact in late and question.survey == len(SURVEYS) - 1)
            for contact, question, product in rows
        ])
        self._write_dates(requests, [{"create_date": self._at(question.asked)} for _contact, question, _p in rows])
        self._write_stages(requests)
        self._load_followups(requests.filtered(lambda request: request.sentiment == "bad"))

    def _create_surveys(self):
        """:return: one wave for each survey, the last one running"""
        company, boss = self.env.company, self.env.ref("base.user_admin")
        waves = self.env["clm.feedback.wave"].create([{
            "name": f"Customer survey {self._ago(days=days):%B %Y}",
            "company_id": company.id, "user_id": boss.id, "kind": "nps", "date": self._ago(days=days),
            "state": "running" if days == SURVEYS[-1] else "done", "filled_at": self._at(days),
            "last_partner_id": self.env["res.partner"].search([], order="id desc", limit=1).id,
        } for days in SURVEYS])
        self.env["ir.model.data"]._update_xmlids([
            {"xml_id": f"clm.demo_survey_{number}", "record": wave, "noupdate": True}
            for number, wave in enumerate(waves)
        ])
        return waves

    def _prepare_feedback(self, contact, question, surveys, product, late):
        customer = contact.parent_id
        asked = self._at(question.asked)
        answered = self._at(question.answered, hour=16) if not late else None
        survey = surveys.browse() if question.survey is None else surveys[question.survey]
        state = ANSWERED if answered else WAITING if late else SENT if question.asked < VALID else EXPIRED
        about = product if question.kind == "csat" else product.browse()
        return {
            "contact_id": contact.id, "company_id": self.env.company.id, "kind": question.kind, "state": state,
            "asked_id": contact.id, "origin": "wave" if survey else "playbook", "wave_id": survey.id,
            "product_id": about.id, "subject": about.name, "user_id": customer.user_id.id,
            "team_id": customer.user_id.sale_team_id.id,
            "send_at": self._at(-5) if late else asked, "sent_at": False if late else asked,
            "expires_at": False if late else asked + timedelta(days=VALID),
            **({"answered_at": answered, "score": question.score, "comment": question.comment} if answered else {}),
        }

    def _write_stages(self, requests):
        """Note where the customers stood when they answered."""
        self.env.flush_all()
        self.env.cr.execute(SQL(
            """
            UPDATE clm_feedback f SET stage_id = %s
              FROM (SELECT id, partner_id, answered_at AS date FROM clm_feedback) e
             WHERE e.id = f.id AND f.state = 'answered' AND f.id = ANY(%s)
            """,
            self.env["clm.kpi.facts"]._stage_at(SQL("e")), requests.ids,
        ))
        requests.invalidate_recordset()

    def _load_followups(self, bad):
        """Answer the low scores, but the latest ones: one of them is overdue."""
        limit = self._at(OPEN_DAYS)
        users = self._demo_users()
        for place, request in enumerate(bad.sorted("answered_at")):
            due = (request.answered_at + timedelta(days=2)).date()
            if request.answered_at < limit:
                request._set(
                    followup_state="done", followup_due=due, outcome=OUTCOMES[place % len(OUTCOMES)],
                    followup_user_id=request.user_id.id or users[0].id, outcome_by=request.user_id.id or users[0].id,
                    outcome_at=request.answered_at + timedelta(days=1 + place % 3),
                )
            else:
                request.with_context(**ACTIVE)._open_followup()
                request._set(followup_due=due)
                request.activity_id.date_deadline = due

    def _load_ratings(self, people, days):
        """Some rate the hours of support in Odoo, days after an order."""
        product = self.env.ref("clm.demo_product_support").product_tmpl_id
        contacts, orders = people[3::5], days[3::5]
        ratings = self.env["rating.rating"].create([{
            "res_model_id": self.env["ir.model"]._get_id(product._name), "res_id": product.id,
            "partner_id": contact.id, "consumed": True, "rating": RATINGS[place % len(RATINGS)][0],
            "feedback": RATINGS[place % len(RATINGS)][1],
        } for place, contact in enumerate(contacts)])
        moments = [self._at(max(own[place % len(own)] - 9, 1)) for place, own in enumerate(orders)]
        self._write_dates(ratings, [{"create_date": each, "rated_on": each, "write_date": each} for each in moments])

    # === REFERRALS === #

    def _load_referrals(self, days, people):
        """Good customers brought some of those who came later, one of them through links of its own."""
        customers = sorted(days, key=lambda customer: days[customer][0], reverse=True)
        fans = sorted(customers[:len(customers) // 2], key=lambda customer: -len(days[customer]))[:5]
        contact_of = {contact.parent_id: contact for contact in people}
        newer = customers[len(customers) // 2:]
        for place, customer in enumerate(newer[2::4]):
            customer.referred_by_id = contact_of[fans[place % len(fans)]]
        source = self.env["utm.source"].create({
            "name": f"{fans[0].name} recommends us", "clm_partner_id": fans[0].id,
        })
        leads = self.env["crm.lead"].search([("partner_id", "in", [customer.id for customer in newer[::9]])])
        leads.source_id = source
