import io
from collections import namedtuple
from datetime import timedelta
from itertools import groupby
from operator import itemgetter

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL
from odoo.tools.safe_eval import safe_eval

from ..tools.replay import Event, replay

CUSTOMER_DOMAIN = "clm.customer_domain"
# our own companies and internal users are nobody's customers; mere suppliers are left out by _replay_batch
DEFAULT_CUSTOMER_DOMAIN = "[('ref_company_ids', '=', False), ('partner_share', '=', True)]"

# the layout of a row of events: see _events
DATE, KIND, MODEL, RES_ID = map(Event._fields.index, ("date", "kind", "model", "res_id"))
PARTNER, ORDER_STAGE, ORDER_NUMBER = range(len(Event._fields), len(Event._fields) + 3)

ONE_DAY = timedelta(days=1)

Customer = namedtuple("Customer", "id commercial_id company_id stage_id since cycle next_check supplier")
Replayed = namedtuple("Replayed", "visits next_check events")
NOTHING = Replayed((), None, ())
StoredVisit = namedtuple("StoredVisit", "id partner_id number cycle stage_id entered_at exited_at origin model res_id")


class ClmLedger(models.AbstractModel):
    """Brings the ledger of a batch of customers in line with their events.

    All SQL of the engine is here and is set-based: the number of statements does not depend on the size of the
    batch. Rows of ``res.partner`` are locked with SKIP LOCKED, so that two workers never replay the same customer
    and a customer whom somebody is editing is left for later. Should two workers still meet (one with an older
    snapshot), a unique index or the database's own check makes one of them fail and start anew.
    """

    _name = "clm.ledger"
    _description = "Lifecycle Ledger"

    @api.model
    def _sync(self, partner_ids, now=None):
        """Replay the customers behind ``partner_ids`` and store what changed.

        :param partner_ids: ids of any contacts; each stands for its commercial partner (and for itself, should it
            have been a customer of its own before)
        :param datetime now: naive UTC
        :return: set of partner ids that were locked by somebody else and must be tried again
        """
        now = now or fields.Datetime.now()
        self.env.flush_all()
        customers, locked = self._lock_customers(partner_ids)
        if not customers:
            return locked
        replayed = self._replay_batch(self._members(customers), self.env["clm.policy"]._data(), now)
        self._store_visits(customers, replayed, now)
        self._store_customers(customers, replayed)
        self._store_orders(replayed)
        self._invalidate()
        return locked

    # === READ === #

    @api.model
    def _lock_customers(self, partner_ids):
        """:return: pair: dict id -> Customer, locked for this transaction; set of ids that are not to be had now"""
        lock = SQL("FOR NO KEY UPDATE SKIP LOCKED")
        wanted = set(partner_ids)
        customers = self._read_customers(wanted, lock)
        if companies := {customer.commercial_id for customer in customers.values()} - customers.keys() - {None}:
            wanted |= companies
            customers |= self._read_customers(companies, lock)
        # what is missing is held by somebody else, or was deleted
        missing = wanted - customers.keys()
        return customers, set(self._read_customers(missing)) if missing else missing

    @api.model
    def _read_customers(self, partner_ids, lock=None):
        """:return: dict id -> Customer"""
        rows = self.env.execute_query(SQL(
            """
            SELECT id, commercial_partner_id, company_id, lifecycle_stage_id, lifecycle_since, lifecycle_cycle,
                   lifecycle_next_check, supplier_rank > 0 AND COALESCE(customer_rank, 0) = 0
              FROM res_partner
             WHERE id = ANY(%s)
             ORDER BY id
                   %s
            """,
            sorted(partner_ids), lock or SQL(),
        ))
        return {row[0]: Customer._make(row) for row in rows}

    @api.model
    def _customer_domain(self):
        """Hook: who has a lifecycle, as a ``Domain`` on commercial partners."""
        # sudo: parameters are readable by system administrators only
        domain = self.env["ir.config_parameter"].sudo().get_param(CUSTOMER_DOMAIN) or DEFAULT_CUSTOMER_DOMAIN
        return Domain(safe_eval(domain)) & Domain("id", "not in", self._technical_partner_ids())

    @api.model
    def _matching(self, domain, ids):
        """:return: the ids of the partners among ``ids`` that match, archived ones included, of all companies"""
        # sudo: the engine works for everybody
        Partner = self.env["res.partner"].sudo().with_context(active_test=False)
        return set(Partner._search(domain & Domain("id", "in", ids)))

    @api.model
    def _members(self, customers):
        """:return: the customers that carry a lifecycle: commercial partners within the domain of the settings"""
        ids = [customer.id for customer in customers.values() if customer.commercial_id == customer.id]
        matching = self._matching(self._customer_domain(), ids) if ids else set()
        return {partner_id: customers[partner_id] for partner_id in ids if partner_id in matching}

    @api.model
    def _technical_partner_ids(self):
        """:return: list of ids of the contacts behind Odoo's public and template users, who are nobody"""
        # sudo: these users are archived and hidden
        users = self.env.ref("base.group_public").sudo().with_context(active_test=False).user_ids
        template = self.env.ref("base.template_portal_user_id", raise_if_not_found=False)
        return [*users.partner_id.ids, *(template.sudo().partner_id.ids if template else ())]

    @api.model
    def _excluded_rules(self, ids, rules):
        """:return: dict partner id -> set of the ids of the rules whose filter leaves this customer out"""
        excluded = {}
        for rule in rules:
            domain = Domain(safe_eval(rule["partner_domain"]))
            if not domain.is_true():
                for partner_id in set(ids) - self._matching(domain, ids):
                    excluded.setdefault(partner_id, set()).add(rule["id"])
        return excluded

    @api.model
    def _events(self, partner_ids):
        """:return: list of rows in the order of replay: the fields of ``Event``, then the partner's id, and of orders
            the stage and purchase number that they have now
        """
        return self.env.execute_query(SQL(
            """
            SELECT date, day - DATE '0001-01-01' + 1, kind, %s, score, model, res_id, stage_id, pin, origin, user_id,
                   res_id, partner_id, order_stage_id, purchase_number
              FROM (%s) event
             ORDER BY partner_id, date, kind_number, res_id
            """,
            self._amount(),
            self.env["clm.event"]._customers_query(list(partner_ids)),
        ))

    @api.model
    def _amount(self):
        """:return: SQL of an event's amount as a float, in the main company's currency where companies have several"""
        currencies = self.env["res.company"]._lifecycle_currencies()
        company_id, main = next(iter(currencies.items()))
        if set(currencies.values()) == {main}:
            return SQL("amount::float8")
        return SQL(
            """
            (amount / COALESCE(NULLIF(CASE WHEN currency_id = %(main)s THEN 1 ELSE (
                SELECT rate.rate FROM res_currency_rate rate
                 WHERE rate.currency_id = event.currency_id AND rate.name <= event.day
                   AND (rate.company_id IS NULL OR rate.company_id = %(company_id)s)
                 ORDER BY rate.company_id NULLS LAST, rate.name DESC LIMIT 1
            ) END, 0), 1))::float8
            """,
            main=main, company_id=company_id,
        )

    @api.model
    def _replay_batch(self, members, data, now):
        """Read the events of customers and replay them; nothing is written.

        :param members: dict id -> Customer
        :param dict data: the policy, see :class:`ClmPolicy`
        :return: dict partner id -> Replayed
        """
        zones = self.env["res.company"]._lifecycle_timezones()
        main_zone = next(iter(zones.values()))
        policy = self.env["clm.policy"]._compile(data)
        excluded = self._excluded_rules(list(members), data["rules"])
        replayed = {}
        for partner_id, rows in groupby(self._events(members), key=itemgetter(PARTNER)):
            events = list(rows)
            if members[partner_id].supplier and all(event[KIND] == "contact" for event in events):
                continue  # a mere supplier: nothing was ever sold or offered to them
            visits, next_check = replay(
                policy.without(frozenset(excluded[partner_id])) if partner_id in excluded else policy,
                events,
                now,
                zones.get(members[partner_id].company_id, main_zone),
            )
            replayed[partner_id] = Replayed(visits, next_check, events)
        return replayed

    # === STORE === #

    @api.model
    def _store_visits(self, customers, replayed, now):
        stored = self._stored_visits(list(customers))
        closed, superseded, added = [], [], []
        for partner_id, customer in customers.items():
            visits = replayed.get(partner_id, NOTHING).visits
            old = stored.get(partner_id, ())
            same = _common_length(old, visits)
            if same and old[same - 1].exited_at is None and visits[same - 1].exited_at is not None:
                closed.append((old[same - 1].id, visits[same - 1].exited_at))
            superseded += [visit.id for visit in old[same:]]
            if same < len(visits):
                added.append((partner_id, customer.company_id, visits[same:]))
        self._supersede(superseded, now)
        self._close(closed)
        self._insert(added, now)

    @api.model
    def _stored_visits(self, partner_ids):
        rows = self.env.execute_query(SQL(
            """
            SELECT id, partner_id, number, cycle, stage_id, entered_at, exited_at, origin, evidence_model, evidence_id
              FROM clm_visit
             WHERE partner_id = ANY(%s) AND superseded_at IS NULL
             ORDER BY partner_id, number
            """,
            partner_ids,
        ))
        return {
            partner_id: [StoredVisit._make(row) for row in group]
            for partner_id, group in groupby(rows, key=itemgetter(1))
        }

    @api.model
    def _supersede(self, visit_ids, now):
        if visit_ids:
            self.env.cr.execute(SQL(
                "UPDATE clm_visit SET superseded_at = %s, active = FALSE WHERE id = ANY(%s)", now, visit_ids
            ))

    @api.model
    def _close(self, closed):
        """:param closed: list of (visit id, exited at)"""
        if closed:
            ids, exits = zip(*closed, strict=True)
            self.env.cr.execute(SQL(
                """
                UPDATE clm_visit v
                   SET exited_at = c.exited_at, days = EXTRACT(EPOCH FROM c.exited_at - v.entered_at) / 86400
                  FROM unnest(%s::int4[], %s::timestamp[]) AS c (id, exited_at)
                 WHERE v.id = c.id
                """,
                list(ids), list(exits),
            ))

    @api.model
    def _insert(self, added, now):
        """COPY new visits in: by far the fastest way for a million of them.

        :param added: list of (partner id, company id, list of ``tools.replay.Visit`` that follow each other)
        """
        if not added:
            return
        null, end = "\\N", f"\t{now}\tt\n"
        lines = []
        for partner_id, company_id, visits in added:
            head, entered = f"{partner_id}\t{company_id or null}", str(visits[0].entered_at)
            for number, cycle, stage_id, entered_at, exited_at, origin, rule_id, user_id, model, res_id in visits:
                exited = days = null
                if exited_at is not None:
                    exited, days = str(exited_at), (exited_at - entered_at) / ONE_DAY
                lines.append(
                    f"{head}\t{number}\t{cycle}\t{stage_id}\t{entered}\t{exited}\t{days}\t{origin}\t{rule_id or null}"
                    f"\t{user_id or null}\t{model or null}\t{res_id or null}{end}"
                )
                entered = exited
        self.env.cr.copy_from(io.StringIO("".join(lines)), "clm_visit", columns=(
            "partner_id", "company_id", "number", "cycle", "stage_id", "entered_at", "exited_at", "days",
            "origin", "rule_id", "user_id", "evidence_model", "evidence_id", "recorded_at", "active",
        ))

    @api.model
    def _store_customers(self, customers, replayed):
        """One UPDATE for the customers that changed, one for the contacts of those whose stage did."""
        changed, moved = [], []
        for partner_id, customer in customers.items():
            visits, next_check, __ = replayed.get(partner_id, NOTHING)
            last = visits[-1] if visits else None
            # a contact shows the stage of its company, a customer its own
            stage_id = last.stage_id if last else None
            new = (stage_id, last and last.entered_at, last.cycle if last else 0, next_check)
            if partner_id == customer.commercial_id and new != customer[3:7]:
                changed.append((partner_id, *new))
                if stage_id != customer.stage_id:
                    moved.append(partner_id)
            elif partner_id != customer.commercial_id and customer.cycle:
                changed.append((partner_id, customer.stage_id, None, 0, None))
        if not changed:
            return
        columns = [list(column) for column in zip(*changed, strict=True)]
        self.env.cr.execute(SQL(
            """
            UPDATE res_partner p
               SET lifecycle_stage_id = c.stage_id, lifecycle_since = c.since, lifecycle_cycle = c.cycle,
                   lifecycle_next_check = c.next_check
              FROM unnest(%s::int4[], %s::int4[], %s::timestamp[], %s::int4[], %s::timestamp[])
                   AS c (id, stage_id, since, cycle, next_check)
             WHERE p.id = c.id
            """,
            *columns,
        ))
        if moved:
            self._store_contacts(moved)

    @api.model
    def _store_contacts(self, partner_ids):
        self.env.cr.execute(SQL(
            """
            UPDATE res_partner contact
               SET lifecycle_stage_id = company.lifecycle_stage_id
              FROM res_partner company
             WHERE company.id = contact.commercial_partner_id
               AND contact.id != company.id
               AND contact.commercial_partner_id = ANY(%(ids)s)
               AND contact.lifecycle_stage_id IS DISTINCT FROM company.lifecycle_stage_id
            """,
            ids=partner_ids,
        ))

    @api.model
    def _store_orders(self, replayed):
        """Write stage and purchase number on the orders where they changed."""
        changed = [row for visits, __, events in replayed.values() for row in _changed_orders(visits, events)]
        if changed:
            self.env.cr.execute(SQL(
                """
                UPDATE sale_order o SET lifecycle_stage_id = c.stage_id, purchase_number = c.number
                  FROM unnest(%s::int4[], %s::int4[], %s::int4[]) AS c (id, stage_id, number)
                 WHERE o.id = c.id
                """,
                *map(list, zip(*changed, strict=True)),
            ))

    @api.model
    def _invalidate(self):
        self.env["res.partner"].invalidate_model([
            "lifecycle_stage_id", "lifecycle_since", "lifecycle_cycle", "lifecycle_next_check", "lifecycle_visit_ids",
            "lifecycle_event_ids",
        ], flush=False)
        self.env["clm.visit"].invalidate_model(flush=False)
        self.env["sale.order"].invalidate_model(["lifecycle_stage_id", "purchase_number"], flush=False)


def _common_length(old, new):
    """How many stored visits still hold. The last of them may have lasted then and be over now."""
    length = 0
    for stored, visit in zip(old, new, strict=False):
        if (
            stored.entered_at != visit.entered_at
            or stored.stage_id != visit.stage_id
            or stored.cycle != visit.cycle
            or stored.origin != visit.origin
            or stored.model != visit.model
            or stored.res_id != visit.res_id
            or (stored.exited_at is not None and stored.exited_at != visit.exited_at)
        ):
            break
        length += 1
    return length


def _changed_orders(visits, events):
    """Tell which orders hold another stage or purchase number than the replay gives.

    :return: list of (order id, stage reached with it, number of the purchase; 0 where it is none)
    """
    values, stored = {}, {}
    number = position = 0
    stage_id = None
    for event in events:
        kind = event[KIND]
        if kind == "order" or kind == "invoice":
            number += 1
        if event[MODEL] != "sale.order":
            continue
        order_id = event[RES_ID]
        stored[order_id] = (event[ORDER_STAGE], event[ORDER_NUMBER] or 0)
        if kind == "quotation":
            values[order_id] = (None, 0)
            continue
        while position < len(visits) and visits[position].entered_at <= event[DATE]:
            stage_id = visits[position].stage_id
            position += 1
        values[order_id] = (stage_id, number if kind == "order" else 0)
    return [(order_id, *value) for order_id, value in values.items() if value != stored[order_id]]
