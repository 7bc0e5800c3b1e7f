"""Many customers enter a stage in one night: the longest transaction of the engine that notices them, and of the cron
that tags each and mails to each. Limit: 5 seconds.

    ODOO_RC=odoo.conf python benchmarks/playbook.py DATABASE [--customers 10000]
"""

import sys
import time
from unittest.mock import patch

from database import environment, parse_arguments, report, timed
from dataset import copy_rows

from odoo.fields import Command
from odoo.tools import SQL

LIMIT = 5.0


class Transactions:
    """Notes how long the transactions took between commits."""

    def __init__(self, env):
        self.cr, self.lengths, self.began = env.cr, [], time.perf_counter()
        self.commit = type(env.cr).commit

    def __enter__(self):
        def commit(cr):
            res = self.commit(cr)
            self.lengths.append(time.perf_counter() - self.began)
            self.began = time.perf_counter()
            return res

        self.patch = patch.object(type(self.cr), "commit", commit)
        self.patch.start()
        return self.lengths

    def __exit__(self, *args):
        self.patch.stop()


def make_customers(env, count):
    """Let new contacts appear, half an hour ago, and queue them as if people had created them."""
    partner = env["res.partner"].create({"name": "Benchmark", "email": "someone@example.com"})
    env.flush_all()
    env.cr.execute(SQL("SELECT nextval('res_partner_id_seq') + 1"))
    first = env.cr.fetchone()[0]
    address = SQL("'customer' || (%s + n) || '@example.com'", first)
    copy_rows(env, partner, count - 1, {
        "id": SQL("%s + n - 1", first), "name": SQL("'Customer ' || n"), "complete_name": SQL("'Customer ' || n"),
        "commercial_partner_id": SQL("%s + n - 1", first), "email": address, "email_normalized": address,
        "create_date": SQL("now() AT TIME ZONE 'UTC' - interval '30 minutes'"),
    })
    env.cr.execute(SQL("SELECT setval('res_partner_id_seq', %s)", first + count - 1))
    env["clm.queue"]._push(range(first, first + count - 1))
    env.cr.commit()


def make_playbook(env):
    tag = env["res.partner.category"].create({"name": "Benchmark"})
    playbook = env["clm.playbook"].create({
        "name": "Benchmark",
        "stage_id": env.ref("clm.stage_awareness").id,
        "partner_domain": "[('email', '!=', False)]",
        "step_ids": [
            Command.create({"kind": "tags", "tag_ids": [Command.set(tag.ids)]}),
            Command.create({"kind": "mail", "template_id": env.ref("clm.mail_template_welcome").id}),
        ],
    })
    playbook._activate()
    playbook._unlocked().activated_at = playbook.activated_at.replace(year=playbook.activated_at.year - 1)
    env.cr.commit()
    return playbook


def main():
    arguments = parse_arguments(__doc__, customers=10_000)
    with environment(arguments.database) as env:
        env["clm.lifecycle.engine"]._process_queue()
        env["clm.effect"]._cron_run()
        make_customers(env, arguments.customers)
        playbook = make_playbook(env)
        with Transactions(env) as engine:
            seconds, done = timed(env["clm.lifecycle.engine"]._process_queue)
        waiting = env["clm.effect"].search_count([("playbook_id", "=", playbook.id), ("state", "=", "waiting")])
        assert waiting == 2 * arguments.customers, waiting
        print(f"{done} customers replayed, {waiting} effects made in {seconds:.1f} s", flush=True)
        with Transactions(env) as runner:
            seconds, done = timed(env["clm.effect"]._cron_run)
        print(f"{done} effects in {seconds:.0f} s: {done / seconds:.0f} per second, {len(runner)} transactions")
        left = env["clm.effect"].search_count([("playbook_id", "=", playbook.id), ("state", "!=", "done")])
        assert not left, left
        playbook.action_pause()
        env.cr.commit()
        return all([
            report("longest transaction of the engine", max(engine), LIMIT),
            report("longest transaction of the playbook cron", max(runner), LIMIT),
        ])


if __name__ == "__main__":
    sys.exit(not main())
