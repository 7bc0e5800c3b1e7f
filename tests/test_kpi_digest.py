from datetime import datetime

from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import convert_file

from .kpi_report_common import KpiReportCase


@tagged("post_install", "-at_install")
class TestKpiDigest(KpiReportCase):
    """KPIs in Odoo's digest mails."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.digest = cls.env.ref("clm.digest_kpi")
        cls.env["mail.followers"].search([("res_model", "=", "clm.kpi")]).unlink()
        cls.digest.write({"user_ids": [Command.clear()], "state": "deactivated"})
        cls._store_all()

    def _follow(self, user, *kpis):
        for kpi in kpis:
            kpi.message_subscribe(partner_ids=user.partner_id.ids)

    def _kpis(self, user, digest=None, day="2026-03-31"):
        """:return: dict of name -> what the mail shows of each KPI"""
        with self.at(day):
            found = (digest or self.digest)._compute_kpis(user.company_id, user)
        return {row["kpi_fullname"]: row for row in found}

    def _mails_to(self, user):
        return self.env["mail.mail"].search([("email_to", "=", user.email_formatted)])

    # === SUBSCRIBE === #

    def test_user_when_following_a_kpi_then_gets_the_digest_and_it_is_switched_on(self):
        self.assertEqual((self.digest.state, self.digest.periodicity), ("deactivated", "weekly"))
        self._follow(self.viewer, self.leads_kpi)
        self.assertEqual(self.digest.user_ids, self.viewer)
        self.assertEqual(self.digest.state, "activated")
        self._follow(self.manager, self.leads_kpi)
        self.assertEqual(self.digest.user_ids, self.viewer | self.manager)

    def test_user_when_unfollowing_the_last_kpi_then_no_digest_any_more(self):
        self._follow(self.viewer, self.leads_kpi, self.money_kpi)
        self.leads_kpi.message_unsubscribe(partner_ids=self.viewer.partner_id.ids)
        self.assertEqual(self.digest.user_ids, self.viewer)
        self.money_kpi.message_unsubscribe(partner_ids=self.viewer.partner_id.ids)
        self.assertFalse(self.digest.user_ids)
        self.assertEqual(self.digest.state, "deactivated")

    def test_kpi_when_deleted_then_its_followers_leave(self):
        self._follow(self.viewer, self.money_kpi)
        self.money_kpi.unlink()
        self.assertFalse(self.digest.user_ids)

    def test_owner_when_set_then_follows_and_gets_the_digest(self):
        kpi = self.env["clm.kpi"].with_context(tracking_disable=False).browse(self.money_kpi.id)
        kpi.user_id = self.viewer
        self.assertIn(self.viewer, self.digest.user_ids)

    def test_people_when_outside_or_without_the_lifecycle_then_no_digest(self):
        customer = self.env["res.partner"].create({"name": "Customer", "email": "c@example.com"})
        self.leads_kpi.message_subscribe(partner_ids=(customer | self.internal.partner_id).ids)
        self.assertFalse(self.digest.user_ids)

    def test_documents_when_followed_that_are_no_kpi_then_nothing_happens(self):
        self.partner.message_subscribe(partner_ids=self.viewer.partner_id.ids)
        self.partner.message_unsubscribe(partner_ids=self.viewer.partner_id.ids)
        self.assertFalse(self.digest.user_ids)

    def test_digest_when_switched_off_by_somebody_then_stays_off(self):
        self._follow(self.viewer, self.leads_kpi)
        self.digest.action_deactivate()
        self._follow(self.manager, self.leads_kpi)
        self.assertEqual((self.digest.state, self.digest.user_ids), ("deactivated", self.viewer | self.manager))

    def test_digest_when_deleted_then_following_still_works(self):
        self.digest.unlink()
        self._follow(self.viewer, self.leads_kpi)
        self.leads_kpi.message_unsubscribe(partner_ids=self.viewer.partner_id.ids)
        self.assertNotIn(self.viewer.partner_id, self.leads_kpi.message_partner_ids)

    # === MAIL === #

    def test_mail_when_sent_then_shows_what_this_user_follows_alone(self):
        self._follow(self.viewer, self.leads_kpi, self.renewal_kpi)
        self._follow(self.manager, self.money_kpi)
        self.assertEqual(set(self._kpis(self.viewer)), {"Leads", "Renewed"})
        self.assertEqual(set(self._kpis(self.manager)), {"Expected Money"})

    def test_kpi_when_shown_then_with_value_goal_status_and_change(self):
        self._follow(self.viewer, self.leads_kpi)
        row = self._kpis(self.viewer)["Leads"]
        self.assertEqual(row["kpi_col1"], {"value": "12", "col_subtitle": "Mar 2026, +20.0 % to the period before"})
        self.assertEqual(row["kpi_col2"], {"value": "10", "col_subtitle": "Goal"})
        self.assertEqual(row["kpi_col3"], {"value": "On track", "col_subtitle": "Status"})
        self.assertEqual(row["kpi_action"], f"clm.clm_kpi_action/{self.leads_kpi.id}")

    def test_missed_goals_when_shown_then_first(self):
        self._follow(self.viewer, self.leads_kpi, self.money_kpi, self.renewal_kpi)
        self.assertEqual(next(iter(self._kpis(self.viewer))), "Renewed")

    def test_month_when_running_then_said_and_counts_not_compared_with_a_whole_one(self):
        self.leads_kpi.is_cumulative = True
        self._store(self.leads_kpi, "2026-04-01", 3)
        self._follow(self.viewer, self.leads_kpi)
        subtitle = self._kpis(self.viewer, day="2026-04-10")["Leads"]["kpi_col1"]["col_subtitle"]
        self.assertEqual(subtitle, "Apr 2026 until 04/10/2026")

    def test_goal_when_there_is_none_then_a_dash(self):
        self._follow(self.viewer, self.money_kpi)
        row = self._kpis(self.viewer)["Expected Money"]
        self.assertEqual((row["kpi_col2"]["value"], row["kpi_col3"]["value"]), ("–", "No goal"))

    def test_digest_when_another_one_then_shows_followed_kpis_only_if_asked_for(self):
        other = self.env["digest.digest"].create({"name": "Mine", "user_ids": [Command.set(self.viewer.ids)]})
        self._follow(self.viewer, self.leads_kpi)
        self.assertFalse(self._kpis(self.viewer, other))
        other.clm_followed_kpis = True
        self.assertEqual(set(self._kpis(self.viewer, other)), {"Leads"})

    def test_run_when_two_follow_many_then_one_mail_each(self):
        for user in (self.viewer, self.manager):
            self._follow(user, *self.all_kpis)
        with self.at("2026-03-31"):
            self.digest.next_run_date = "2026-03-31"
            self.env["digest.digest"].search([("id", "!=", self.digest.id)]).write({"state": "deactivated"})
            before = {user: self._mails_to(user) for user in (self.viewer, self.manager)}
            self.env["digest.digest"]._cron_send_digest_email()
            self.env["digest.digest"]._cron_send_digest_email()
        for user, mails in before.items():
            new = self._mails_to(user) - mails
            self.assertEqual(len(new), 1)
            for text in ("Leads", "Renewed", "Off track", "Lifecycle KPIs"):
                self.assertIn(text, new.body_html)

    def test_run_when_there_is_nothing_to_say_then_no_mail(self):
        self._follow(self.viewer, self.leads_kpi)
        self.leads_kpi.active = False
        before = self._mails_to(self.viewer)
        self.digest.action_send_manual()
        self.assertEqual(self._mails_to(self.viewer), before)
        self.leads_kpi.active = True
        self.viewer.group_ids -= self.env.ref("clm.group_viewer")
        self.digest.action_send_manual()
        self.assertEqual(self._mails_to(self.viewer), before)

    def test_values_when_of_another_company_then_not_shown(self):
        other = self._create_company("Other")
        self._store(self.leads_kpi, "2026-03-01", 99, company=other)
        self._follow(self.viewer, self.leads_kpi)
        self.assertEqual(self._kpis(self.viewer)["Leads"]["kpi_col1"]["value"], "12")

    # === FIGURES OF ODOO'S OWN DIGEST === #

    def _figures(self, user, day="2026-04-10", **flags):
        digest = self.env["digest.digest"].create({"name": "Figures", "company_id": self.company.id, **{
            f"kpi_clm_{name}": True for name in ("new_customers", "mrr", "missed_goals")}, **flags})
        return digest, self._kpis(user, digest, day)

    def test_figures_when_read_by_a_viewer_then_there(self):
        _digest, rows = self._figures(self.viewer)
        self.assertEqual(set(rows), {"New Customers", "Monthly Recurring Revenue", "Missed Goals"})
        self.assertEqual(rows["New Customers"]["kpi_col3"]["value"], 0)

    def test_figures_when_read_without_the_lifecycle_then_left_out(self):
        _digest, rows = self._figures(self.internal)
        self.assertFalse(rows)

    def test_missed_goals_when_periods_ended_then_counted_in_their_time(self):
        # noon of 10 April: March ended on its 31st, ten days ago
        row = self._figures(self.viewer)[1]["Missed Goals"]
        self.assertEqual([row[f"kpi_col{number}"]["value"] for number in (1, 2, 3)], [0, 0, 1])

    def test_missed_goals_when_of_another_company_then_not_counted(self):
        other = self._create_company("Other")
        self._store(self.leads_kpi, "2026-03-01", 1, company=other)
        self.env["clm.kpi.target"].create({
            "kpi_id": self.leads_kpi.id, "company_id": other.id, "date_from": "2026-01-01", "date_to": "2026-12-31",
            "value": 100,
        })
        row = self._figures(self.viewer)[1]["Missed Goals"]
        self.assertEqual(row["kpi_col3"]["value"], 1)

    def test_new_customers_when_they_buy_then_counted_from_that_moment(self):
        with self.at("2026-04-10"):
            for number, moment in enumerate(("2026-04-10 10:00:00", "2026-04-08 10:00:00", "2026-02-01 10:00:00")):
                partner = self.env["res.partner"].create({"name": f"New {number}", "company_id": self.company.id})
                self._backdate(partner, datetime(2026, 1, 1))
                self._create_order(
                    partner, datetime.fromisoformat(moment), company_id=self.company.id, user_id=False, team_id=False)
            self.engine._process_queue()
        row = self._figures(self.viewer)[1]["New Customers"]
        self.assertEqual([row[f"kpi_col{number}"]["value"] for number in (1, 2, 3)], [1, 2, 2])

    def test_mrr_when_shown_then_that_of_the_end_of_the_time(self):
        contract = self.env["clm.contract"].search([], limit=1)
        self.assertTrue(contract)
        for day, value in (("2026-01-01", 100.0), ("2026-04-09", 50.0), ("2026-05-01", 1000.0)):
            self.env["clm.mrr.movement"].sudo().create({
                "contract_id": contract.id, "date": day, "kind": "expansion", "value": value, "amount": value,
            })
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE clm_mrr_movement SET company_id = %s WHERE contract_id = %s AND kind = 'expansion' AND value IN"
            " (100, 50, 1000)", (self.company.id, contract.id))
        self.env.invalidate_all()
        row = self._figures(self.viewer)[1]["Monthly Recurring Revenue"]
        self.assertIn("150", row["kpi_col1"]["value"])

    def test_actions_when_shown_then_open(self):
        digest, _rows = self._figures(self.viewer)
        actions = digest._compute_kpis_actions(self.company, self.viewer)
        for name in ("new_customers", "mrr", "missed_goals"):
            xmlid, _sep, _query = actions[f"kpi_clm_{name}"].partition("?")
            self.assertTrue(self.env.ref(xmlid).res_model)

    def test_default_digest_when_installed_then_has_the_figures(self):
        digest = self.env.ref("digest.digest_digest_default")
        digest.write({"kpi_clm_new_customers": False, "kpi_clm_mrr": False, "kpi_clm_missed_goals": False})
        # as an installation does; an update leaves the digests as they are
        convert_file(self.env, "clm", "data/clm_digest_data.xml", {}, mode="init", noupdate=True)
        self.assertTrue(digest.kpi_clm_new_customers and digest.kpi_clm_mrr and digest.kpi_clm_missed_goals)
        self.assertFalse(digest.clm_followed_kpis)
