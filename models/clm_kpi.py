import ast

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Domain

from ..const import KPI_DIRECTIONS, KPI_SECTIONS, KPI_UNITS
from .clm_kpi_measure import LIFETIME_VALUE, MEASURES

AGGREGATES = [
    ("count", "Number of records"),
    ("sum", "Sum of a field"),
    ("avg", "Mean of a field"),
    ("distinct", "Number of different values of a field"),
    ("share", "Share of records that meet a second filter"),
]
#: Aggregates that need a field to work on.
FIELD_AGGREGATES = ("sum", "avg", "distinct")
NUMERIC_TYPES = ("integer", "float", "monetary")


class ClmKpi(models.Model):
    """A key performance indicator: what it measures, in words and for the computer, and who answers for it.

    Built-in ones are measured as ``clm_kpi_measure`` says. Custom ones count, add up or compare the records of any
    model by a date.
    """

    _name = "clm.kpi"
    _description = "KPI"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "section desc, stage_sequence, sequence, id"  # customer stages, renewal, contracts

    name = fields.Char("KPI", required=True, translate=True, tracking=True)
    code = fields.Char(
        copy=False, compute="_compute_code", store=True, readonly=False, precompute=True,
        help="A short name for exports and other programs.",
    )
    active = fields.Boolean(default=True, tracking=True)
    sequence = fields.Integer(default=100)
    section = fields.Selection(KPI_SECTIONS, "Part of", required=True, default="stage")
    stage_id = fields.Many2one("clm.stage", ondelete="set null", index="btree_not_null")
    stage_sequence = fields.Integer(related="stage_id.sequence", string="Stage Order", store=True)
    unit = fields.Selection(KPI_UNITS, required=True, default="count", tracking=True)
    direction = fields.Selection(KPI_DIRECTIONS, "Better", required=True, default="up", tracking=True)
    is_cumulative = fields.Boolean(
        "Grows During the Period",
        help="Counts and sums that start at zero in each period: until it is over, a part of the goal is enough.",
    )
    formula = fields.Text(translate=True, help="How it is computed, in words.")
    source = fields.Char("Data From", translate=True, help="The documents it is computed from.")
    variant = fields.Char(translate=True, help="Which of several usual definitions it follows.")
    user_id = fields.Many2one(
        "res.users", "Owner", tracking=True, domain="[('share', '=', False)]",
        help="Is told when a goal is missed.",
    )
    company_id = fields.Many2one("res.company", help="Empty: for all companies.")
    measure = fields.Selection(
        selection="_selection_measure", string="Built-in Measure", readonly=True, copy=False,
        help="The built-in measure. Empty: a KPI of your own.",
    )
    is_custom = fields.Boolean(compute="_compute_is_custom")

    model_id = fields.Many2one(
        "ir.model", "Records", ondelete="set null", domain="[('transient', '=', False), ('abstract', '=', False)]",
    )
    model_name = fields.Char(related="model_id.model", string="Model Name")
    domain = fields.Char("Filter", default="[]")
    part_domain = fields.Char(
        "Second Filter", default="[]", help="The share is that of records that meet both filters.",
    )
    aggregate = fields.Selection(AGGREGATES, "Measure", default="count")
    field_id = fields.Many2one(
        "ir.model.fields", ondelete="set null",
        domain="[('model_id', '=', model_id), ('store', '=', True), ('name', '!=', 'id')]",
    )
    date_field_id = fields.Many2one(
        "ir.model.fields", "Date", ondelete="set null",
        domain="[('model_id', '=', model_id), ('store', '=', True), ('ttype', 'in', ('date', 'datetime'))]",
        help="Which date decides about the period in which a record counts.",
    )
    error = fields.Char(
        "Problem", readonly=True, copy=False, help="Why it could not be computed the last time.",
    )
    fill_from = fields.Date("History Wanted From", readonly=True, copy=False)
    fill_until = fields.Date("History Wanted To", readonly=True, copy=False, help="Later days are computed already.")
    target_ids = fields.One2many("clm.kpi.target", "kpi_id", "Goals")
    value_ids = fields.One2many("clm.kpi.value", "kpi_id", "Values", readonly=True)

    _code_uniq = models.UniqueIndex("(code)", "Another KPI has this code already. Choose another one.")

    @api.model
    def _selection_measure(self):
        return [(code, code) for code in (*MEASURES, LIFETIME_VALUE)]

    @api.depends("name")
    def _compute_code(self):
        given = set()
        for kpi in self:
            kpi.code = kpi.code or (kpi.name and kpi._free_code(given))
            given.add(kpi.code)

    def _free_code(self, given):
        """:return: a code that neither a stored KPI has nor one of those given already"""
        slug = self.env["ir.http"]._slugify(self.name or "").replace("-", "_") or "kpi"
        # archived ones keep their codes
        stored = self.with_context(active_test=False).search([("code", "=like", f"{slug}%")])
        taken = given | set(stored.mapped("code"))
        return next(code for code in (slug, *(f"{slug}_{n}" for n in range(2, len(taken) + 3))) if code not in taken)

    @api.depends("measure")
    def _compute_is_custom(self):
        for kpi in self:
            kpi.is_custom = not kpi.measure

    # === CHECKS === #

    @api.constrains(
        "measure", "model_id", "domain", "part_domain", "aggregate", "field_id", "date_field_id", "company_id",
    )
    def _check_custom(self):
        for kpi in self:
            if not kpi.measure:
                kpi._check_definition()

    @api.constrains("unit", "aggregate", "measure")
    def _check_unit(self):
        for kpi in self:
            if not kpi.measure and (kpi.aggregate == "share") != (kpi.unit == "ratio"):
                raise ValidationError(self.env._(
                    "“%(kpi)s”: a share is shown in percent, and percent are for shares.", kpi=kpi.name,
                ))

    def _check_fields(self):
        """:return: the empty recordset of what the KPI counts
        :raise ValidationError: when the KPI could not be computed, says why
        """
        model = self._custom_model()
        if not self.date_field_id or self.date_field_id.model_id != self.model_id:
            raise ValidationError(self.env._("“%(kpi)s” needs a date of its records.", kpi=self.name))
        if self.date_field_id.ttype not in ("date", "datetime") or not self.date_field_id.store:
            raise ValidationError(self.env._(
                "“%(kpi)s”: %(field)s is no date that is stored. Choose another one.",
                kpi=self.name, field=self.date_field_id.field_description,
            ))
        if self.aggregate in FIELD_AGGREGATES:
            self._check_field()
        return model

    def _check_definition(self):
        """:raise ValidationError: when the KPI could not be computed, says why
        :raise AccessError: when the user may not read what it counts
        """
        self.ensure_one()
        model = self._check_fields()
        # the user must be allowed to read what everybody will see as a number
        model = model.sudo(False)
        if not model.has_access("read"):
            raise AccessError(self.env._(
                "You may not read %(model)s, so you cannot make a KPI of them.", model=self.model_id.name,
            ))
        domains = self._custom_domain(), self._custom_part_domain()
        for domain in domains:
            try:
                model.search(domain & Domain(self.date_field_id.name, "!=", False), limit=1)
                model._read_group(domain, aggregates=[self._custom_aggregate()])
            except AccessError:
                raise
            except Exception as error:  # whatever a domain may do wrong
                raise ValidationError(self.env._(
                    "“%(kpi)s”: its filter does not work with %(model)s: %(error)s",
                    kpi=self.name, model=self.model_id.name, error=error,
                )) from error

    def _check_field(self):
        field = self.field_id
        if not field or field.model_id != self.model_id or not field.store:
            raise ValidationError(self.env._("“%(kpi)s” needs a field to measure.", kpi=self.name))
        if self.aggregate != "distinct" and field.ttype not in NUMERIC_TYPES:
            raise ValidationError(self.env._(
                "“%(kpi)s”: %(field)s is no number. Choose a number, or count its different values.",
                kpi=self.name, field=field.field_description,
            ))

    def _custom_model(self):
        """:return: the empty recordset of the records that a custom KPI is about
        :raise ValidationError: if there is none
        """
        model = self.env.get(self.model_id.sudo().model or "")
        if model is None or model._abstract or model._transient:
            raise ValidationError(self.env._("“%(kpi)s” needs records to measure. Choose which.", kpi=self.name))
        return model

    def _custom_domain(self):
        """:return: ``Domain`` of the filter"""
        return self._parse_domain(self.domain)

    def _custom_part_domain(self):
        """:return: ``Domain`` of the records that the numerator of a share counts; of other measures, all"""
        domain = self._custom_domain()
        return domain & self._parse_domain(self.part_domain) if self.aggregate == "share" else domain

    def _parse_domain(self, text):
        try:
            conditions = ast.literal_eval((text or "[]").strip())
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
            raise ValidationError(self.env._(
                "“%(kpi)s”: its filter is no list of conditions. Names and calculations are not allowed in it.",
                kpi=self.name,
            )) from error
        try:
            domain = Domain(conditions)
            domain.validate(self._custom_model())
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ValidationError(self.env._(
                "“%(kpi)s”: its filter cannot be understood: %(error)s", kpi=self.name, error=error,
            )) from error
        return domain

    def _custom_aggregate(self):
        """:return: aggregate of ``_read_group``"""
        field = self.field_id.sudo()
        total = "sum_currency" if field.ttype == "monetary" else "sum"  # into the currency of the company
        return {
            "sum": f"{field.name}:{total}", "avg": f"{field.name}:{total}", "distinct": f"{field.name}:count_distinct",
        }.get(self.aggregate, "__count")

    # === CRUD === #

    @api.model_create_multi
    def create(self, vals_list):
        kpis = super().create(vals_list)
        if not self.env.context.get("install_mode"):
            kpis.filtered("active")._fill_soon()
        return kpis

    def write(self, vals):
        if vals.get("measure"):
            raise UserError(self.env._("What a built-in KPI measures does not change. Make a KPI of your own."))
        res = super().write(vals)
        measured = {
            "model_id", "domain", "part_domain", "aggregate", "field_id", "date_field_id", "stage_id", "company_id",
        }
        if vals.get("active") or vals.keys() & measured:
            self.filtered("active")._fill_soon()
        if vals.keys() & {"direction", "is_cumulative", "unit"}:
            self.sudo().value_ids._compare()  # sudo: only the computation writes values; those of all companies
        if vals.get("active") is False:
            self.target_ids._close_alerts(self.env._("This KPI is not measured any more."))
        return res

    def copy_data(self, default=None):
        """A copy of a built-in KPI is one with the same measure, for another stage."""
        vals_list = super().copy_data(default)
        for kpi, vals in zip(self, vals_list, strict=True):
            vals["name"] = self.env._("%(name)s (copy)", name=kpi.name)
            vals["measure"] = kpi.measure
        return vals_list

    def action_fill(self):
        """Compute the history anew."""
        self.check_access("write")
        self._fill_soon()
        return {
            "type": "ir.actions.client", "tag": "display_notification",
            "params": {
                "type": "info",
                "message": self.env._("The history is being computed. It is there in a few minutes."),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    def action_view_values(self):
        """The values of the KPI."""
        action = self.env["ir.actions.act_window"]._for_xml_id("clm.clm_kpi_value_action")
        return {**action, "domain": [("kpi_id", "in", self.ids)], "context": {}}
