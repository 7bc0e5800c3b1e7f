from odoo.exceptions import UserError
from odoo.tests import Form, tagged

from .common import ClmCase


@tagged("post_install", "-at_install")
class TestManual(ClmCase):
    """Moves by hand, pins and imports are source data and survive every rebuild."""

    def setUp(self):
        super().setUp()
        self.partner = self._create_partner(known_since=self.days_ago(50))
        self.engine._process_queue()

    def test_writing_the_stage_is_a_manual_move(self):
        self.partner.lifecycle_stage_id = self.retention
        self.assertEqual(self._stages(self.partner), [self.awareness, self.retention])
        visit = self.partner.lifecycle_visit_ids.sorted("number")[-1]
        self.assertEqual((visit.origin, visit.user_id), ("manual", self.env.user))

    def test_manual_move_survives_a_rebuild(self):
        self.partner.action_lifecycle_move(self.loyalty.id, "Known for years")
        visits = self.partner.lifecycle_visit_ids.ids
        self.engine._rebuild(self.partner)
        self.engine._rebuild()
        self.assertEqual(self.partner.lifecycle_stage_id, self.loyalty)
        self.assertEqual(self.partner.lifecycle_visit_ids.ids, visits)

    def test_reason_is_kept_in_the_timeline(self):
        self.partner.action_lifecycle_move(self.loyalty.id, "Known for years")
        event = self.partner.lifecycle_event_ids.filtered(lambda event: event.kind == "manual")
        self.assertEqual(event.label, "Known for years")

    def test_move_leaves_a_note_in_the_chatter(self):
        self.partner.action_lifecycle_move(self.loyalty.id, "<b>Known</b> for years")
        note = self.partner.message_ids[0]
        self.assertIn("Moved by hand to Loyalty: &lt;b&gt;Known&lt;/b&gt; for years", note.body)
        self.assertEqual(note.author_id, self.env.user.partner_id)

    def test_moving_to_an_archived_stage_is_refused(self):
        stage = self.env["clm.stage"].create({"name": "Old", "sequence": 70, "active": False})
        with self.assertRaisesRegex(UserError, "is archived"):
            self.partner.action_lifecycle_move(stage.id)

    def test_deleting_a_manual_change_undoes_it(self):
        self.partner.action_lifecycle_move(self.loyalty.id)
        self.env["clm.stage.change"].search([("partner_id", "=", self.partner.id)]).unlink()
        self.engine._process_queue()
        self.assertEqual(self.partner.lifecycle_stage_id, self.awareness)

    def test_move_back_by_hand_stays_until_the_next_purchase(self):
        self._create_order(self.partner, self.days_ago(20))
        self.engine._process_queue()
        self.env["clm.stage.change"].create({
            "partner_id": self.partner.id, "stage_id": self.acquisition.id, "date": self.days_ago(10),
        })
        self.engine._process_queue()
        self.assertEqual(self.partner.lifecycle_stage_id, self.acquisition)
        self._create_order(self.partner, self.days_ago(5))
        self.engine._process_queue()
        self.assertEqual(self.partner.lifecycle_stage_id, self.retention)

    def test_moving_to_no_stage_is_refused(self):
        with self.assertRaisesRegex(UserError, "Choose the stage"):
            self.partner.lifecycle_stage_id = False

    def test_pinned_customer_ignores_rules_until_unpinned(self):
        self.partner.lifecycle_pinned = True
        self._create_order(self.partner, self.days_ago(-0.01))
        self.engine._rebuild(self.partner)
        self.assertEqual(self.partner.lifecycle_stage_id, self.awareness)
        self.partner.action_lifecycle_move(self.acquisition.id)
        self.assertEqual(self.partner.lifecycle_stage_id, self.acquisition, "by hand works all the same")

    def test_unpinned_customer_catches_up(self):
        change = self.env["clm.stage.change"]
        change.create({"partner_id": self.partner.id, "date": self.days_ago(40), "pin": "pin"})
        self._create_order(self.partner, self.days_ago(20))
        self._create_order(self.partner, self.days_ago(10))
        self.engine._process_queue()
        self.assertEqual(self.partner.lifecycle_stage_id, self.awareness)
        change.create({"partner_id": self.partner.id, "date": self.days_ago(5), "pin": "unpin"})
        self.engine._process_queue()
        self.assertEqual(self.partner.lifecycle_stage_id, self.retention)
        self.assertEqual(self.partner.lifecycle_since, self.days_ago(5))

    def test_pin_in_the_form(self):
        with Form(self.partner) as form:
            form.lifecycle_pinned = True
        self.assertEqual(self.env["clm.stage.change"].search([("partner_id", "=", self.partner.id)]).pin, "pin")

    def test_moving_a_contact_moves_its_company(self):
        contact = self._create_partner("Contact", parent_id=self.partner.id)
        contact.action_lifecycle_move(self.retention.id)
        self.assertEqual(self.partner.lifecycle_stage_id, self.retention)
        self.assertEqual(contact.lifecycle_stage_id, self.retention)

    def test_imported_stages_make_visits_of_origin_import(self):
        result = self.env["res.partner"].load(
            ["name", "lifecycle_stage_id"], [["Imported One", "Retention"], ["Imported Two", "Loyalty"]]
        )
        self.assertFalse([message for message in result["messages"] if message["type"] == "error"])
        partners = self.env["res.partner"].browse(result["ids"])
        self.engine._process_queue()
        self.assertEqual(partners.lifecycle_stage_id, self.retention | self.loyalty)
        for partner in partners:
            self.assertEqual(partner.lifecycle_visit_ids.sorted("number")[-1].origin, "import")
        self.engine._rebuild(partners)
        self.assertEqual(partners.lifecycle_stage_id, self.retention | self.loyalty)

    def test_imported_history_keeps_its_dates(self):
        self.env["clm.stage.change"].with_context(import_file=True).create({
            "partner_id": self.partner.id, "date": self.days_ago(30), "stage_id": self.retention.id,
        })
        self.engine._process_queue()
        visit = self.partner.lifecycle_visit_ids.sorted("number")[-1]
        self.assertEqual((visit.origin, visit.entered_at), ("import", self.days_ago(30)))

    def test_leaving_lapsed_by_hand_starts_a_cycle(self):
        self.partner.action_lifecycle_move(self.lapsed.id)
        self.partner.action_lifecycle_move(self.acquisition.id)
        self.assertEqual(self.partner.lifecycle_cycle, 2)
