from odoo import api, fields, models
from odoo.tools import SQL

from ..const import DIRECTIONS
from ..tools.transitions import ACTIVE, CLOSED, SIGNATURE, SIGNED

KINDS = [
    ("decide", "Decide"),
    ("notice", "Last day for notice"),
    ("end", "Ends"),
    ("start", "Starts"),
    ("sign", "Sign until"),
    ("obligation", "Obligation"),
    ("claim", "Answer a claim"),
]


class ClmDeadline(models.Model):
    """The dates to watch: of contracts, their obligations and the claims about them, in one calendar.

    Nothing is stored. A date is here as long as something is still to be done about it.
    """

    _name = "clm.deadline"
    _description = "Deadline"
    _auto = False
    _order = "date, id"
    _depends = {
        "clm.contract": [
            "name", "title", "state", "date_start", "date_end", "date_notice", "date_act_by", "sign_by", "decision",
            "amends_id", "user_id", "partner_id", "type_id", "company_id", "direction", "active",
        ],
        "clm.obligation": ["name", "date_due", "state", "user_id", "contract_id"],
        "clm.claim": ["name", "date_due", "state", "user_id", "contract_id"],
    }

    name = fields.Char("What", readonly=True)
    kind = fields.Selection(KINDS, readonly=True)
    date = fields.Date(readonly=True)
    contract_id = fields.Many2one("clm.contract", readonly=True)
    obligation_id = fields.Many2one("clm.obligation", readonly=True)
    claim_id = fields.Many2one("clm.claim", readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer or Supplier", readonly=True)
    user_id = fields.Many2one("res.users", string="Owner", readonly=True)
    type_id = fields.Many2one("clm.contract.type", readonly=True)
    direction = fields.Selection(DIRECTIONS, readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)

    @api.depends("name", "kind")
    def _compute_display_name(self):
        labels = dict(self._fields["kind"]._description_selection(self.env))
        for deadline in self:
            deadline.display_name = f"{labels.get(deadline.kind, '')}: {deadline.name}"

    @property
    def _table_query(self) -> SQL:
        return SQL(" UNION ALL ").join(self._sources())

    @api.model
    def _sources(self):
        """Hook: SELECTs with the columns of :meth:`_select`, each with ids of its own."""
        undecided = SQL("k.state = %s AND k.decision IS NULL AND k.amends_id IS NULL", ACTIVE)
        return [
            self._select("decide", 0, SQL("date_act_by"), undecided),
            self._select("notice", 1, SQL("date_notice"), undecided),
            self._select(
                "end", 2, SQL("date_end"), SQL("k.state IN %s AND k.amends_id IS NULL", (SIGNED, ACTIVE))
            ),
            self._select("start", 3, SQL("date_start"), SQL("k.state = %s", SIGNED)),
            self._select("sign", 4, SQL("sign_by"), SQL("k.state = %s", SIGNATURE)),
            self._select(
                "obligation", 5, SQL("date_due"),
                SQL("x.state = 'open' AND k.state IN %s", (SIGNED, ACTIVE, CLOSED)), SQL("clm_obligation"),
            ),
            self._select("claim", 6, SQL("date_due"), SQL("x.state IN ('open', 'escalated')"), SQL("clm_claim")),
        ]

    @api.model
    def _select(self, kind, number, date, where, table=None):
        """:return: SELECT of one kind of deadline

        :param int number: 0 to 7, makes the ids differ from those of other kinds
        :param table: of obligations or claims, named ``x``; default: the contract itself, named ``k``
        """
        x = SQL("x") if table else SQL("k")
        return SQL(
            """
            SELECT %(x)s.id * 8 + %(number)s AS id,
                   %(kind)s AS kind,
                   %(x)s.%(date)s AS date,
                   %(name)s AS name,
                   k.id AS contract_id,
                   %(obligation)s AS obligation_id,
                   %(claim)s AS claim_id,
                   k.partner_id,
                   %(x)s.user_id,
                   k.type_id,
                   k.direction,
                   k.company_id
              FROM clm_contract k %(join)s
             WHERE k.active AND %(x)s.%(date)s IS NOT NULL AND %(where)s
            """,
            x=x, number=number, kind=kind, date=date, where=where,
            name=SQL("x.name") if table else SQL("COALESCE(NULLIF(k.title, ''), k.name)"),
            obligation=SQL("x.id") if kind == "obligation" else SQL("NULL::int4"),
            claim=SQL("x.id") if kind == "claim" else SQL("NULL::int4"),
            join=SQL("JOIN %s x ON x.contract_id = k.id", table) if table else SQL(),
        )

    @api.readonly
    def action_open(self):
        """Open what the deadline is about."""
        self.ensure_one()
        return (self.claim_id or self.obligation_id or self.contract_id)._get_records_action()
