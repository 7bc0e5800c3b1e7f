import os
import subprocess
import sys

import psycopg2

from odoo.sql_db import connection_info_for
from odoo.tests import BaseCase, get_db_name, tagged
from odoo.tools import config
from odoo.tools.misc import exec_pg_environ, find_pg_tool


@tagged("post_install", "-at_install")
class TestUninstall(BaseCase):
    """Upgrading keeps what there is, uninstalling leaves nothing behind: on a copy of the database."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.copy = f"{get_db_name()}_uninstall"
        cls._pg("dropdb", "--if-exists", cls.copy)
        cls._pg("createdb", "--template", "template0", cls.copy)
        cls.addClassCleanup(cls._pg, "dropdb", "--if-exists", "--force", cls.copy)
        dump = subprocess.Popen(
            [find_pg_tool("pg_dump"), "--no-owner", get_db_name()], stdout=subprocess.PIPE, env=exec_pg_environ()
        )
        cls._pg("psql", "--quiet", "--dbname", cls.copy, stdin=dump.stdout)
        dump.stdout.close()
        assert dump.wait() == 0, "the database could not be copied"

    @classmethod
    def _pg(cls, tool, *arguments, **options):
        subprocess.run(
            [find_pg_tool(tool), *arguments], check=True, env=exec_pg_environ(), stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, **options,
        )

    def _odoo(self, *arguments, script=None):
        environment = {
            **os.environ,
            "ODOO_RC": config["config"] or os.environ.get("ODOO_RC", ""),
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        result = subprocess.run(
            [sys.executable, "-m", "odoo", *arguments], env=environment, input=script, capture_output=True, text=True,
            check=False,
        )
        self.assertEqual(result.returncode, 0, result.stderr[-3000:])
        self.assertNotIn("Traceback", result.stderr)

    def _query(self, sql):
        __, info = connection_info_for(self.copy)
        connection = psycopg2.connect(**info)
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall()
        finally:
            connection.close()

    def test_upgrade_keeps_data_then_uninstall_leaves_nothing(self):
        facts = (
            "SELECT (SELECT count(*) FROM clm_stage), (SELECT count(*) FROM clm_rule),"
            " (SELECT count(*) FROM clm_visit), (SELECT count(*) FROM res_partner WHERE lifecycle_cycle > 0)"
        )
        self._odoo(
            "shell", "--database", self.copy, "--no-http",
            script="env['clm.lifecycle.engine']._rebuild()\nenv.cr.commit()\n",
        )
        before = self._query(facts)
        self.assertTrue(all(before[0]))
        self._odoo("--database", self.copy, "--update", "clm", "--stop-after-init", "--no-http")
        self.assertEqual(self._query(facts), before)

        self._odoo("module", "uninstall", "--database", self.copy, "clm")
        left = {
            "tables": "SELECT table_name FROM information_schema.tables WHERE table_name LIKE 'clm%'",
            "columns": "SELECT table_name, column_name FROM information_schema.columns"
                       " WHERE column_name ~ '^(lifecycle|clm)' OR column_name IN ('purchase_number', 'purchase_type')",
            "crons": "SELECT cron_name FROM ir_cron WHERE cron_name::text ~ '^(Lifecycle|Contracts:)'",
            "actions": "SELECT id FROM ir_act_server WHERE code LIKE '%clm.%'",
            "parameters": "SELECT key FROM ir_config_parameter WHERE key LIKE 'clm%'",
            "models": "SELECT model FROM ir_model WHERE model LIKE 'clm.%'",
            # demo customers and products that have documents stay, as customers do
            "xml ids": "SELECT name FROM ir_model_data WHERE module = 'clm'"
                       " AND model NOT IN ('res.partner', 'product.template', 'product.product')",
            "views": "SELECT name FROM ir_ui_view WHERE arch_db::text LIKE '%lifecycle_stage_id%'",
        }
        for what, sql in left.items():
            with self.subTest(what=what):
                self.assertEqual(self._query(sql), [])
