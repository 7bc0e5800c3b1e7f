"""A company of the size of the cockpit's promises: customers, leads, orders and invoices of ten years, contracts with
their revenue movements and installments of two; all by SQL out of one record of each kind that the ORM made."""

from contracts import tidy
from dataset import PATTERN, copy_rows

from odoo.fields import Command, Date
from odoo.tools import SQL

TEAMS = 4
#: Of all contracts: those that were renewed by another one, and those that ended for good; the others are in force.
RENEWED, LOST = 0.25, 0.10
#: Quarters of installments before and from the current one on; those before are invoiced.
BILLED, PLANNED = 5, 3
#: n-th customer became known so long ago; other attributes depend on other divisors, so that they are independent
KNOWN = "now() - (n %% 3650) * interval '1 day' - (n %% 86400) * interval '1 second'"
#: state, pen, and the days before its start in which a contract entered and left it
STAYS = (("draft", "us", 60, 40), ("negotiation", "them", 40, 25), ("approval", "us", 25, 20),
         ("signature", "them", 20, 7), ("signed", "us", 7, 0))
TABLES = ("res_partner", "crm_lead", "sale_order", "account_move", "account_move_line", "clm_visit", "clm_contract",
          "clm_contract_line", "clm_contract_visit", "clm_contract_approval", "clm_obligation", "clm_installment",
          "clm_mrr_movement", "clm_spend")


def make_company(env, customers, contracts):
    """Fill a database; what is there already stays.

    :return: ids of the teams
    """
    teams, users = make_teams(env)
    first = make_customers(env, customers, teams, users)
    make_contracts(env, contracts, first, teams, users)
    make_spend(env, teams)
    env.cr.execute(SQL("DELETE FROM clm_queue"))
    tidy(env, *TABLES)
    return teams


def pick(values, divisor):
    """:return: SQL of one of some ids, by ``n``; the last of them for what is left over"""
    values = [*values, *[values[-1]] * (divisor - len(values))]
    return SQL("(%s::int4[])[1 + n %% %s]", values[:divisor], divisor)


def next_id(env, table):
    return env.execute_query(SQL("SELECT nextval(%s) + 1", f"{table}_id_seq"))[0][0]


def keep_ids(env, *tables):
    for table in tables:
        env.cr.execute(SQL("SELECT setval(%s, (SELECT max(id) FROM %s))", f"{table}_id_seq", SQL.identifier(table)))


# === CUSTOMERS === #

def make_teams(env):
    """:return: pair: ids of teams, ids of their salespeople"""
    teams = env["crm.team"].create([{"name": f"Benchmark {number}", "company_id": False} for number in range(TEAMS)])
    users = env["res.users"].create([
        {"name": f"Salesperson {number}", "login": f"benchmark{number}-{teams[0].id}",
         "group_ids": [Command.set(env.ref("sales_team.group_sale_salesman").ids)]} for number in range(TEAMS)
    ])
    env["crm.team.member"].create([
        {"crm_team_id": team.id, "user_id": user.id} for team, user in zip(teams, users, strict=True)
    ])
    env.flush_all()
    return teams.ids, users.ids


def make_customers(env, count, teams, users):
    """Add customers with a lead and three orders each as ``dataset`` does, but not in the future, and invoices that no
    order announced for every thirteenth of them.

    :return: id of the first one
    """
    partner = env["res.partner"].create({"name": "Benchmark"})
    order = env["sale.order"].create({
        "partner_id": partner.id, "order_line": [Command.create({
            "product_id": env["product.product"].create({"name": "Benchmark", "type": "service"}).id,
            "price_unit": 10.0,
        })],
    })
    order.action_confirm()
    lead = env["crm.lead"].create({"name": "Benchmark", "partner_id": partner.id, "type": "lead"})
    env.flush_all()
    first, known = next_id(env, "res_partner"), SQL(KNOWN)
    customer = SQL("%s + n - 1", first)
    copy_rows(env, partner, count, {
        "id": customer, "name": SQL("'Customer ' || n"), "complete_name": SQL("'Customer ' || n"),
        "commercial_partner_id": customer, "create_date": known, "user_id": pick([*users, *users[:2], None], 7),
    })
    for document, days in PATTERN:
        date = SQL("date_trunc('second', %s + %s * interval '1 day')", known, days)
        values = {"partner_id": customer, "create_date": date}
        if document == "lead":
            copy_rows(env, lead, count, {**values, **lead_values(date, teams)})
            continue
        amount = SQL("(20 + n %% 503)::numeric")
        copy_rows(env, order, count, {
            **values, "date_order": date, "partner_invoice_id": customer, "partner_shipping_id": customer,
            "team_id": pick(teams, 11), "amount_untaxed": amount, "amount_total": amount,
        })
    env.cr.execute(SQL("DELETE FROM sale_order WHERE date_order > now() AT TIME ZONE 'UTC'"))
    env.cr.execute(SQL("DELETE FROM crm_lead WHERE create_date > now() AT TIME ZONE 'UTC'"))
    keep_ids(env, "res_partner")
    copy_invoice(env, make_invoice(env, partner), count // 13, {
        "partner_id": SQL("%s + n * 13 - 1", first), "date": SQL("CURRENT_DATE - (n %% 3000)::int"),
        "amount": SQL("(20 + n %% 307)::numeric"), "name": "A", "team_id": pick(teams, 11),
    })
    return first


def lead_values(created, teams):
    """Six of ten leads became opportunities after five days; of these a third each was won, lost, or is open."""
    converted = SQL("n %% 10 > 3")
    status = SQL("CASE WHEN %s THEN (ARRAY['won', 'lost', 'pending'])[1 + n %% 3] ELSE 'pending' END", converted)
    return {
        "type": SQL("CASE WHEN %s THEN 'opportunity' ELSE 'lead' END", converted),
        "date_conversion": SQL("CASE WHEN %s THEN %s + interval '5 days' END", converted, created),
        "won_status": status, "active": SQL("%s != 'lost'", status), "team_id": pick(teams, 9),
        "date_closed": SQL("CASE WHEN %s != 'pending' THEN %s + interval '30 days' END", status, created),
    }


def make_spend(env, teams):
    today = env.company._lifecycle_today()
    env["clm.spend"].create([
        {"name": f"Campaign {month}", "amount": 1000.0 + month, "team_id": team,
         "date_from": Date.subtract(today, months=month + 1), "date_to": Date.subtract(today, months=month)}
        for month in range(36) for team in (False, *teams)
    ])
    env.flush_all()


# === INVOICES === #

def make_invoice(env, partner, contract=None):
    """:return: posted invoice of one line without taxes"""
    line = {"name": "Benchmark", "price_unit": 100.0, "tax_ids": [Command.clear()]}
    if contract:
        line |= {"clm_contract_id": contract.id, "clm_installment_id": contract.installment_ids[:1].id}
    move = env["account.move"].create({
        "move_type": "out_invoice", "partner_id": partner.id, "invoice_line_ids": [Command.create(line)],
    })
    move.action_post()
    env.flush_all()
    return move


def copy_invoice(env, move, count, values):
    """Copy an invoice with its lines.

    :param dict values: ``partner_id``, ``date``, ``amount`` (SQL), ``name`` (a prefix); optional: ``team_id``,
        ``contract_id``, ``installment_id``
    """
    first = next_id(env, "account_move")
    move_id, amount, day = SQL("%s + n - 1", first), values["amount"], values["date"]
    name = SQL("%s || '/' || (%s + n)", f"B{values['name']}", first)
    copy_rows(env, move, count, {
        "id": move_id, "name": name, "sequence_prefix": SQL("%s", f"B{values['name']}/"),
        "sequence_number": SQL("%s + n", first), "partner_id": values["partner_id"],
        "commercial_partner_id": values["partner_id"], "partner_shipping_id": values["partner_id"],
        "date": day, "invoice_date": day, "invoice_date_due": day, "create_date": SQL("%s + interval '9 hours'", day),
        "team_id": values.get("team_id", SQL("NULL::int4")),
        **dict.fromkeys((
            "amount_untaxed", "amount_total", "amount_residual", "amount_untaxed_signed", "amount_total_signed",
            "amount_residual_signed", "amount_untaxed_in_currency_signed", "amount_total_in_currency_signed",
        ), amount),
    })
    for line in move.line_ids:
        sign = SQL("-1") if line.display_type == "product" else SQL("1")
        first_line = next_id(env, "account_move_line")
        line_id = SQL("%s + n - 1", first_line)
        signed = SQL("%s * %s", sign, amount)
        own = {
            "id": line_id, "move_id": move_id, "move_name": name, "partner_id": values["partner_id"], "date": day,
            "invoice_date": day, "balance": signed, "amount_currency": signed,
            "debit": SQL("GREATEST(%s, 0)", signed), "credit": SQL("GREATEST(-(%s), 0)", signed),
        }
        if line.display_type == "product":
            own |= {"price_unit": amount, "price_subtotal": amount, "price_total": amount,
                    "clm_contract_id": values.get("contract_id", SQL("NULL::int4")),
                    "clm_installment_id": values.get("installment_id", SQL("NULL::int4"))}
        copy_rows(env, line, count, own)
        keep_ids(env, "account_move_line")
    keep_ids(env, "account_move")


# === CONTRACTS === #

def make_contract(env):
    """:return: contract in force with a line that bills each quarter, an obligation and an approval"""
    kind = env["clm.contract.type"].create({"name": "Cockpit benchmark", "signature_required": "none"})
    contract = env["clm.contract"].with_user(env.ref("base.user_admin")).create({
        "type_id": kind.id, "renewal_policy": "auto", "notice_count": 3,
        "partner_id": env["res.partner"].create({"name": "Benchmark", "is_company": True}).id,
        "line_ids": [Command.create({
            "product_id": env["product.product"].create({"name": "Benchmark", "type": "service"}).id,
            "price_unit": 300.0, "recurrence_unit": "month", "recurrence_interval": 3,
        })],
        "obligation_ids": [Command.create({"name": "Report", "date_due": env.company._lifecycle_today()})],
    })
    contract.action_activate()
    env.flush_all()
    return contract.sudo()  # sudo: what follows is set-based, whoever owns it


def contract_values(count, first, customer, teams, users):
    """:return: dict of SQL by column: first those that were renewed, then those that ended, then those in force, the
        renewals of the first ones leading
    """
    renewed, closed = round(count * RENEWED), round(count * (RENEWED + LOST))
    is_closed, is_renewal = SQL("n <= %s", closed), SQL("n > %s AND n <= %s", closed, closed + renewed)
    # a renewal begins where its predecessor, ``closed`` contracts before it, has ended
    ended = SQL("CURRENT_DATE - 1 - ((n - CASE WHEN %s THEN %s ELSE 0 END) %% 730)::int", is_renewal, closed)
    start = SQL("CASE WHEN %s THEN %s - 364 WHEN %s THEN %s + 1 ELSE CURRENT_DATE - 3 * (n %% 300)::int END",
                is_closed, ended, is_renewal, ended)
    end = SQL("CASE WHEN %s THEN %s ELSE %s + 1094 END", is_closed, ended, start)
    return {
        "id": SQL("%s + n - 1", first), "name": SQL("'K/' || %s || '/' || n", first), "partner_id": customer,
        "commercial_partner_id": customer, "partner_invoice_id": customer, "date_start": start, "date_end": end,
        "anchor_date": start, "date_notice": SQL("%s - 90", end), "date_act_by": SQL("%s - 120", end),
        "activated_on": start, "signed_on": start,
        "closed_on": SQL("CASE WHEN %s THEN %s END", is_closed, ended),
        "state": SQL("CASE WHEN %s THEN 'closed' ELSE 'active' END", is_closed),
        "previous_id": SQL("CASE WHEN %s THEN %s + n - 1 - %s END", is_renewal, first, closed),
        "auto_renewed": SQL("%s AND n %% 3 = 0", is_renewal), "silent_renewal": SQL("%s AND n %% 9 = 0", is_renewal),
        "decision": SQL("CASE WHEN %s AND n %% 2 = 0 THEN 'renew' END", is_closed),
        "days_to_decide": SQL("CASE WHEN %s AND n %% 2 = 0 THEN (n %% 70)::int - 10 END", is_closed),
        "risk": SQL("(n %% 101)::int"), "risk_band": SQL("CASE WHEN n %% 50 = 0 THEN 'high' ELSE 'low' END"),
        "team_id": pick([*teams, None], 7), "user_id": pick(users, 7), "billing_mode": SQL("'manual'"),
        "schedule_next": SQL("NULL::date"),
    }


def make_contracts(env, count, first_partner, teams, users):
    """Make contracts of the first customers, with what they did until now."""
    template = make_contract(env)
    first, first_line = next_id(env, "clm_contract"), next_id(env, "clm_contract_line")
    contract_id, line_id = SQL("%s + n - 1", first), SQL("%s + n - 1", first_line)
    customer = SQL("%s + (n / 2) * 2", first_partner)
    copy_rows(env, template, count, contract_values(count, first, customer, teams, users))
    copy_rows(env, template.line_ids, count, {"id": line_id, "contract_id": contract_id})
    keep_ids(env, "clm_contract", "clm_contract_line")
    copy_rows(env, template.obligation_ids, count, {
        "contract_id": contract_id, "partner_id": customer, "date_due": SQL("CURRENT_DATE - (n %% 900)::int + 60"),
        "state": SQL("CASE WHEN n %% 4 > 0 THEN 'done' ELSE 'open' END"), "overdue_flagged": SQL("TRUE"),
        "done_on": SQL("CASE WHEN n %% 4 > 0 THEN CURRENT_DATE - (n %% 900)::int + 50 + 20 * (n %% 2)::int END"),
    })
    make_installments(env, template, count, contract_id, line_id, customer)
    for step in (insert_stays, insert_approvals, insert_movements):
        step(env, first)


def make_installments(env, template, count, contract_id, line_id, customer):
    row = template.installment_ids[:1]
    move = make_invoice(env, template.partner_id, template)
    quarter = Date.start_of(env.company._lifecycle_today(), "quarter")
    for number in range(-BILLED, PLANNED):
        start = Date.add(quarter, months=3 * number)
        first = next_id(env, "clm_installment")
        installment_id = SQL("%s + n - 1", first)
        values = {
            "id": installment_id, "contract_id": contract_id, "line_id": line_id, "partner_id": customer,
            "period_start": SQL("%s::date", start), "period_end": SQL("%s::date", Date.add(start, months=3, days=-1)),
            "date_planned": SQL("%s::date + (n %% 90)::int", start), "amount": SQL("300::numeric"),
            "discount_amount": SQL("(n %% 30)::numeric"), "state": SQL("'planned'"), "move_line_id": SQL("NULL::int4"),
        }
        copy_rows(env, row, count, values)
        keep_ids(env, "clm_installment")
        if number < 0:
            copy_invoice(env, move, count, {
                "partner_id": customer, "date": values["date_planned"], "amount": SQL("300::numeric"), "name": "C",
                "contract_id": contract_id, "installment_id": installment_id,
            })
            env.cr.execute(SQL(
                "UPDATE clm_installment SET state = 'invoiced', move_line_id = l.id FROM account_move_line l"
                " WHERE l.clm_installment_id = clm_installment.id AND clm_installment.id BETWEEN %s AND %s",
                first, first + count - 1,
            ))


def insert_stays(env, first):
    env.cr.execute(SQL(
        """
        INSERT INTO clm_contract_visit (contract_id, company_id, type_id, partner_id, direction, number, cycle, state,
                                        pen, entered_at, exited_at, days, recorded_at, active)
        SELECT c.id, c.company_id, c.type_id, c.commercial_partner_id, c.direction, s.number, 1, s.state, s.pen,
               c.date_start - s.entered * interval '1 day', c.date_start - s.exited * interval '1 day',
               s.entered - s.exited, now(), TRUE
          FROM clm_contract c,
               unnest(%s::int[], %s::text[], %s::text[], %s::int[], %s::int[]) s(number, state, pen, entered, exited)
         WHERE c.id >= %s
        """,
        list(range(1, len(STAYS) + 1)), *map(list, zip(*STAYS, strict=True)), first,
    ))


def insert_approvals(env, first):
    """Every third contract needed one, every ninth a second round."""
    env.cr.execute(SQL(
        """
        INSERT INTO clm_contract_approval (contract_id, company_id, round, sequence, name, state, first_pass,
                                           requested_at, decided_at)
        SELECT id, company_id, round, 1, 'Manager', 'approved', id %% 9 > 0 AND round = 1,
               date_start - interval '25 days', date_start - interval '20 days'
          FROM clm_contract, generate_series(1, 2) round
         WHERE id >= %s AND id %% 3 = 0 AND (round = 1 OR id %% 9 = 0)
        """, first,
    ))


def insert_movements(env, first):
    """Five changes while a contract runs, and the last one where it ended."""
    env.cr.execute(SQL(
        """
        INSERT INTO clm_mrr_movement (contract_id, company_id, partner_id, type_id, currency_id, date, kind, amount,
                                      value)
        SELECT id, company_id, commercial_partner_id, type_id, currency_id,
               CASE k WHEN 5 THEN date_end + 1 ELSE date_start + 70 * k END, kind, change, change
          FROM clm_contract, (VALUES (0, 'new', 100), (1, 'expansion', 20), (2, 'contraction', -10),
                                     (3, 'expansion', 30), (4, 'contraction', -5), (5, 'churn', -135)
                             ) AS change (k, kind, change)
         WHERE id >= %s AND (k < 5 OR state = 'closed')
        """, first,
    ))
