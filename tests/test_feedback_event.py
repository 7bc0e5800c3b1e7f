from datetime import datetime
from unittest.mock import patch

from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import SQL

from ..models.clm_feedback_event import ANSWERS_KEY
from .common import ClmCase
from .test_kpi_vectors_db import VectorCase


class AnswerBuilders:
    """Answers as they are stored, of both kinds of sources; to be mixed into a test case."""

    def _create_answer(self, contact, score, date=None, kind="nps", **vals):
        return self.env["clm.feedback"].create({
            "contact_id": contact.id, "kind": kind, "score": score, "state": "answered",
            "company_id": self.env.company.id, "answered_at": date or datetime.now().replace(microsecond=0), **vals,
        })

    def _create_rating(self, contact, score, date=None, about=None, **vals):
        """:param about: the record that was rated; default: the customer's own"""
        about = about or contact or self.env.user.partner_id
        rating = self.env["rating.rating"].create({
            "res_model_id": self.env["ir.model"]._get_id(about._name), "res_id": about.id, "partner_id": contact.id,
            "rating": score, "consumed": bool(score), **vals,
        })
        if date:
            self.env.flush_all()
            self.env.cr.execute(SQL("UPDATE rating_rating SET rated_on = %s WHERE id = %s", date, rating.id))
            rating.invalidate_recordset()
        return rating


@tagged("post_install", "-at_install")
class TestFeedbackEvent(AnswerBuilders, ClmCase):
    """Answers in the timeline, and what they set in motion."""

    def _events(self, partner):
        return self.env["clm.event"].search([("partner_id", "=", partner.id), ("kind", "=", "feedback")])

    def _queued(self):
        self.env.flush_all()
        return self.queue._take(100)

    def test_recommendation_when_answered_then_event_with_score(self):
        customer = self._create_partner("Azure", is_company=True)
        person = self._create_partner("Ada", parent_id=customer.id)
        team = self.env["crm.team"].create({"name": "North"})
        answer = self._create_answer(
            person, 9, self.days_ago(3), comment="Quick\nand  friendly", team_id=team.id,
        )
        event = self._events(customer)
        self.assertRecordValues(event, [{
            "date": self.days_ago(3), "score": 9.0, "label": "9 of 10: Quick and friendly", "model": "clm.feedback",
            "res_id": answer.id, "company_id": self.env.company.id, "amount": 0.0,
        }])
        self.assertEqual(event.action_open_document()["res_id"], answer.id)

    def test_satisfaction_when_answered_then_event_without_score(self):
        partner = self._create_partner()
        self._create_answer(partner, 5, kind="csat")
        self._create_rating(partner, 4, feedback="")
        self.env.flush_all()
        self.env.cr.execute(SQL(
            "SELECT label, score FROM (%s) e WHERE kind = 'feedback' ORDER BY label",
            self.env["clm.event"]._customers_query(partner.ids),
        ))
        self.assertEqual(self.env.cr.fetchall(), [("4 of 5", None), ("5 of 5", None)])

    def test_request_when_not_answered_then_no_event(self):
        partner = self._create_partner()
        self._create_answer(partner, 0, state="sent", answered_at=False)
        self._create_rating(partner, 0)
        self._create_rating(partner, 3, consumed=False)
        self._create_rating(self.env["res.partner"], 3)
        self.assertFalse(self._events(partner))

    def test_rating_when_given_then_event_on_its_day(self):
        partner = self._create_partner()
        rating = self._create_rating(partner, 2.5, self.days_ago(7), feedback="Slow")
        event = self._events(partner)
        self.assertRecordValues(event, [{
            "date": self.days_ago(7), "label": "2.5 of 5: Slow", "model": "rating.rating", "res_id": rating.id,
            "company_id": False,
        }])
        self.assertEqual(event.action_open_document()["res_model"], "rating.rating")

    def test_rating_when_its_date_was_not_kept_then_event_on_the_day_of_the_last_change(self):
        partner = self._create_partner()
        rating = self._create_rating(partner, 4)
        self.env.cr.execute(SQL(
            "UPDATE rating_rating SET rated_on = NULL, write_date = %s WHERE id = %s", self.days_ago(9), rating.id,
        ))
        self.assertEqual(self._events(partner).date, self.days_ago(9))

    def test_answers_of_both_models_when_they_share_an_id_then_two_events(self):
        partner = self._create_partner()
        answer, rating = self._create_answer(partner, 9), self._create_rating(partner, 4)
        self.env.flush_all()
        number = max(answer.id, rating.id) + 1000
        self.env.cr.execute(SQL("UPDATE clm_feedback SET id = %s WHERE id = %s", number, answer.id))
        self.env.cr.execute(SQL("UPDATE rating_rating SET id = %s WHERE id = %s", number, rating.id))
        self.env.invalidate_all()
        events = self._events(partner)
        self.assertEqual(len(events), 2)
        self.assertEqual(events.mapped("res_id"), [number, number])
        self.assertEqual(set(events.mapped("model")), {"clm.feedback", "rating.rating"})

    def test_comment_when_long_then_shortened(self):
        partner = self._create_partner()
        self._create_answer(partner, 10, comment="Très bien " * 400)
        label = self._events(partner).label
        self.assertEqual(len(label), 80)
        self.assertTrue(label.startswith("10 of 10: Très bien Très") and label.endswith("…"))

    def test_timeline_when_limited_to_answers_of_some_days_then_the_same_answers(self):
        partner = self._create_partner()
        self._create_order(partner, self.days_ago(2))
        self._create_answer(partner, 3, self.days_ago(2))
        self._create_rating(partner, 5, self.days_ago(3))
        all_days = self._events(partner)
        self._create_answer(partner, 4, self.days_ago(1))
        self._create_rating(partner, 5, self.days_ago(4))
        limits = [str(self.days_ago(3)), str(self.days_ago(1))]
        answers = self.env["clm.event"].with_context(**{ANSWERS_KEY: limits}).search([("partner_id", "=", partner.id)])
        self.assertEqual(answers.ids, all_days.ids)
        self.assertEqual(len(answers), 2)

    # === SIGNALS === #

    def test_feedback_when_answered_then_customer_is_replayed(self):
        customer = self._create_partner("Azure", is_company=True)
        request = self._create_answer(customer, 0, state="sent", answered_at=False)
        self._queued()
        request._set(sent_at=self.now)
        self.assertFalse(self._queued(), "a request is nothing that happened")
        request._set(state="answered", score=9, answered_at=self.now)
        self.assertEqual(self._queued(), {customer.id})

    def test_rating_when_given_taken_back_and_deleted_then_customer_is_replayed(self):
        partner = self._create_partner()
        self._queued()
        rating = self._create_rating(partner, 0)
        self.assertFalse(self._queued(), "a request is nothing that happened")
        rating.write({"rating": 4, "consumed": True, "message_id": partner.message_post(body="Good").id})
        self.assertEqual(self._queued(), {partner.id})
        rating.write({"is_internal": True})
        self.assertFalse(self._queued())
        rating.reset()
        self.assertEqual(self._queued(), {partner.id})
        rating.write({"rating": 3, "consumed": True})
        self._queued()
        rating.unlink()
        self.assertEqual(self._queued(), {partner.id})

    def test_rating_when_its_customer_changes_then_both_are_replayed(self):
        before, after = self._create_partner("Before"), self._create_partner("After")
        rating = self._create_rating(before, 4)
        self._queued()
        rating.partner_id = after
        self.assertEqual(self._queued(), {before.id, after.id})

    def test_ratings_when_many_are_requested_then_no_query_for_them(self):
        partner = self._create_partner()
        model = self.env["ir.model"]._get_id("res.partner")
        self.env.flush_all()
        with patch.object(self.env.registry["clm.queue"], "_push", autospec=True) as push:
            self.env["rating.rating"].create([
                {"res_model_id": model, "res_id": partner.id, "partner_id": partner.id, "rating": 4, "consumed": given}
                for given in (True, False) * 10
            ])
            self.env.flush_all()
        self.assertEqual(len(push.call_args_list), 1)
        self.assertEqual(push.call_args.args[1], {partner.id})

    def test_rule_on_score_when_customer_recommends_then_moved(self):
        self.env.cr.execute(SQL("UPDATE clm_rule SET active = FALSE"))
        self.env.invalidate_all()
        self._create_rule(self.loyalty, {"event_kind": "feedback", "measure": "score", "threshold": 9})
        fan, pleased, quiet = (self._create_partner(name, self.days_ago(9)) for name in ("Fan", "Pleased", "Quiet"))
        self._create_answer(fan, 9)
        self._create_answer(quiet, 8)
        self._create_answer(pleased, 5, kind="csat")
        self._create_rating(pleased, 5)
        self.engine._rebuild(fan | pleased | quiet)
        self.env.invalidate_all()
        self.assertEqual(fan.lifecycle_stage_id, self.loyalty)
        self.assertNotIn(self.loyalty, (pleased | quiet).lifecycle_stage_id)


@tagged("post_install", "-at_install")
class TestFeedbackKpis(AnswerBuilders, VectorCase):
    """NPS and CSAT from the answers to the stored values and back to the answers behind them."""

    def _ask(self, scores, kind="nps", day="2026-03-10", **vals):
        """:return: customers who answered, one for each score"""
        customers = self._customers(len(scores))
        for customer, score in zip(customers, scores, strict=True):
            self._create_answer(customer, score, datetime.fromisoformat(f"{day} 12:00:00"), kind, **vals)
        return customers

    def _behind(self, value, part=None):
        action = value._records_action(part) if part else value.action_open_records()
        return self._counted(action, companies=self.company)

    def test_nps_when_30_percent_promote_and_20_detract_then_10(self):
        # KPI.md 41
        self._ask([9, 9, 10, 7, 7, 8, 8, 8, 6, 0])
        self._check("nps", "2026-03-15", "2026-03-01", 10, numerator=100, denominator=10)

    def test_nps_when_70_percent_promote_and_20_detract_then_50(self):
        # KPI.md 41
        self._ask([9, 9, 10, 10, 9, 10, 9, 8, 6, 1])
        self._check("nps", "2026-03-15", "2026-03-01", 50)

    def test_csat_when_45_of_50_are_satisfied_then_90_percent(self):
        # KPI.md 42
        self._ask([5] * 25 + [4] * 20 + [3] * 3 + [1] * 2, "csat")
        self._check("csat", "2026-03-15", "2026-03-01", 0.9, numerator=45, denominator=50)
        value = self._value(self._built_in("csat"))
        self.assertTrue(value.has_interval)
        self.assertEqual(len(self._behind(value)), 50)
        self.assertEqual(len(self._behind(value, "numerator")), 45)

    def test_csat_when_150_of_250_are_satisfied_half_of_them_in_ratings_then_60_percent(self):
        # KPI.md 42
        half = [5] * 75 + [3] * 30 + [2] * 20
        self._ask(half, "csat")
        moment = datetime(2026, 3, 12, 9)
        customers = self._customers(len(half))
        for customer, score in zip(customers, half, strict=True):
            self._create_rating(customer, score, moment)
        self._check("csat", "2026-03-15", "2026-03-01", 0.6, numerator=150, denominator=250)
        events = self._behind(self._value(self._built_in("csat")))
        self.assertEqual(len(events), 250)
        self.assertEqual(len(events.filtered(lambda event: event.model == "rating.rating")), 125)

    def test_nps_when_somebody_answers_again_then_the_last_answer_of_the_period_counts(self):
        person, _other = self._ask([0, 8], day="2026-03-02")
        last = self._create_answer(person, 10, datetime(2026, 3, 20, 8))
        self._create_answer(person, 3, datetime(2026, 4, 1))
        self._check("nps", "2026-04-15", "2026-03-01", 50, denominator=2)
        nps = self._built_in("nps")
        self._refresh(nps, on="2026-04-15", since="2026-01-01")
        self.assertEqual(self._number(nps, "2026-04-01"), -100)
        self.assertEqual(self._number(nps, "2026-03-02", "week"), -50)
        march = self._behind(self._value(nps, "2026-03-01"))
        self.assertEqual(sorted(march.mapped("score")), [8, 10])
        self.assertIn(last.id, march.mapped("res_id"))

    def test_nps_when_two_people_of_a_customer_answer_then_both_count(self):
        customer = self._customers(1)
        people = self.env["res.partner"].create([
            {"name": name, "parent_id": customer.id} for name in ("Ada", "Bob")
        ])
        for person, score in zip(people, (9, 9), strict=True):
            self._create_answer(person, score, datetime(2026, 3, 3))
        self._check("nps", "2026-03-15", "2026-03-01", 100, denominator=2)

    def test_answers_when_of_another_company_or_month_then_not_counted(self):
        other = self._create_company("Other")
        customers = self._ask([5], "csat")
        self._create_answer(customers, 1, datetime(2026, 3, 31, 23, 59, 59), "csat", company_id=other.id)
        self._create_answer(customers, 1, datetime(2026, 2, 28, 23, 59, 59), "csat")
        self._create_answer(customers, 1, datetime(2026, 4, 1), "csat")
        abroad = self.env["res.partner"].create({"name": "Abroad", "company_id": other.id})
        self._create_rating(abroad, 1, datetime(2026, 3, 5))
        self._create_rating(self.env["res.partner"].create({"name": "Anywhere"}), 1, datetime(2026, 3, 5))
        self._check("csat", "2026-04-15", "2026-03-01", 1, denominator=1)

    def test_answers_when_of_a_team_then_counted_for_it(self):
        seller = self._create_user(
            "c-north", "sales_team.group_sale_salesman", company_id=self.company.id,
            company_ids=[Command.set(self.company.ids)],
        )
        team = self.env["crm.team"].create({
            "name": "North", "company_id": self.company.id, "member_ids": [Command.link(seller.id)],
        })
        self._ask([10, 9], team_id=team.id)
        self._ask([2, 3])
        self._ask([5], "csat")
        customer = self._customers(1)
        customer.user_id = seller
        self._create_rating(customer, 3, datetime(2026, 3, 9))
        kpis = self._built_in("nps", "csat")
        self._refresh(kpis, on="2026-03-15", since="2026-03-01")
        by_code = {kpi.code: kpi for kpi in kpis}
        self.assertEqual(self._number(by_code["nps"], team=team), 100)
        self.assertEqual(self._number(by_code["nps"]), 0)
        self.assertEqual(self._number(by_code["csat"], team=team), 0)
        self.assertEqual(self._number(by_code["csat"]), 0.5)
        self.assertEqual(len(self._behind(self._value(by_code["nps"], team=team))), 2)

    def test_values_when_nobody_answered_then_not_known(self):
        self._check("nps", "2026-03-15", "2026-03-01", None)
        self._check("csat", "2026-03-15", "2026-03-01", None)
