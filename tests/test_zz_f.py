from odoo.tests import tagged
from odoo.exceptions import UserError
from odoo.addons.clm.tests.kpi_common import KpiCase


@tagged("post_install", "-at_install")
class TestTry(KpiCase):
    def test_alert(self):
        kpi = self._create_kpi(user_id=self.maker.id)
        self._create_target(kpi, 10.0)
        self._refresh(kpi)
        with self.at("2026-03-15"):
            self.targets._alert(self.company)
        acts = self.env["mail.activity"].search([("res_model", "=", "clm.kpi.target")])
        print(acts, acts.summary, acts.note)
        for _i in range(12):
            self._create_lead()
        self._refresh(kpi)
        with self.at("2026-03-15"):
            self.targets._alert(self.company)
        acts = self.env["mail.activity"].with_context(active_test=False).search([("res_model", "=", "clm.kpi.target")])
        print(acts, acts.summary, acts.feedback, acts.active)

    def test_direction(self):
        kpi = self._create_kpi(user_id=self.maker.id)
        self._create_target(kpi, 10.0)
        self._refresh(kpi)
        self.assertEqual(self._value(kpi).status, "off")
        self.env.invalidate_all()
        kpi.with_user(self.maker).direction = "down"
        self.assertEqual(self._value(kpi).status, "on")

    def test_team(self):
        kpi = self._create_kpi()
        lead = self._create_lead(team_id=self.team.id)
        self._refresh(kpi)
        self.assertEqual(self._number(kpi, team=self.team), 1)
        lead.team_id = self.other_team
        self._refresh(kpi)
        self.assertEqual(self._number(kpi, team=self.other_team), 1)
        self.assertEqual(self._number(kpi, team=self.team), 0)

    def test_field_gone(self):
        f = self.env["ir.model.fields"].create({"name": "x_day", "model_id": self.model_lead.id, "ttype": "date"})
        kpi = self._create_kpi(date_field="x_day")
        self._refresh(kpi)
        f.unlink()
        self.assertTrue(kpi.exists())
        self._refresh(kpi)
        print(kpi.error)

    def test_web_read(self):
        kpi = self._create_kpi()
        for u in (self.maker, self.viewer):
            self.env.invalidate_all()
            print(kpi.with_user(u).web_read({"name": {}, "model_id": {"fields": {"display_name": {}}}, "field_id": {"fields": {"display_name": {}}}, "date_field_id": {"fields": {"display_name": {}}}, "model_name": {}}))
            self.env.invalidate_all()
            print(self.env["ir.model"].with_user(u).name_search("Lead")[:2])
    def test_bad_domains(self):
        from odoo.tools import mute_logger
        for text in ("[", "hello", "5", "None", "{}", "'abc'", "True", "[('nope','=',1)]", "[('partner_id.nope','=',1)]", "__import__('os').system('id')", "[('name','=',__import__('os'))]", "[("*5000, "["*90, "("*300, "['&']", "['!']", "[('name','foo',1)]", "[('expected_revenue','>','abc')]", "[('name','=','a\\0b')]", "[('id','in',10**99)]", "[('id','=',99999999999999999999999)]", "[('date_deadline','=','abc')]", "[('id','inselect',('select 1',[]))]", "[('id','any!',[('id','=',1)])]", "[('create_uid.password','=','x')]", "[('create_date','>=','today -7d')]", "['|']*100000", "["+"'|',"*3000+"('id','=',1),"*3001+"]", "["+"'!',"*5000+"('id','=',1)]", str([('id','=',1)]*20000), "[('partner_id','any',"*200+"[]"+")]"*200, "[('create_uid', '=', uid)]", "[('name', 'in', {'a': 1})]", "[1,2,3]", "[('name','=')]", "[(1,)]", "[[[]]]"):
            try:
                with mute_logger("odoo.sql_db"):
                    self._create_kpi(domain=text)
                print("OK      ", text[:50])
            except UserError as e:
                print(type(e).__name__, text[:50], "=>", str(e)[:200])
            except Exception as e:
                print("TRACEBACK", type(e), text[:50], str(e)[:200])
                self.env.cr.rollback if 0 else None
            
