from odoo import api, models
from odoo.exceptions import UserError, ValidationError

from ..const import UNLOCK


class ClmDoorMixin(models.AbstractModel):
    """Fields that are read-only on screen can be written by the doors alone, whatever a client sends.

    Odoo itself enforces ``readonly`` nowhere but on screen: an RPC call may write a stored computed field, or set a
    state through a default in the context of a button.
    """

    _name = "clm.door.mixin"
    _description = "Written through Doors"

    # what a number may be: lowest and highest by field. Checked before PostgreSQL or a date overflows
    _clm_limits = {}

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_limits(vals)
        context = {
            key: value for key, value in self.env.context.items()
            if not (key.startswith("default_") and self._is_door_field(key.removeprefix("default_")))
        }
        return super(ClmDoorMixin, self.with_env(self.env(context=context))).create(vals_list).with_env(self.env)

    def write(self, vals):
        self._check_limits(vals)
        return super().write(vals)

    def _is_unlocked(self):
        return self.env.context.get("clm_unlock") is UNLOCK

    def _unlocked(self):
        """:return: the same records, for the doors that may write what is locked"""
        return self.with_context(clm_unlock=UNLOCK)

    @api.model
    def _is_door_field(self, name):
        """Tell whether only a door may write a field: what this addon stores and shows read-only."""
        field = self._fields.get(name)
        return bool(
            field and field.store and field.readonly and field.type not in ("one2many", "many2many")
            and "clm" in field._modules
        )

    @api.model
    def _check_doors(self, vals, free=()):
        """Refuse to write by hand what only a door may: what a client could set here was never agreed.

        :param free: names of fields that may be set nevertheless
        :raise UserError: naming the fields
        """
        if self._is_unlocked():
            return
        names = [name for name in vals if self._is_door_field(name) and name not in free]
        if not self:  # at creation, values that say nothing
            names = [name for name in names if vals[name] and vals[name] != self._default_of(name)]
        if names:
            raise UserError(self.env._(
                "State, signatures, sums and links of a contract are set by its buttons, not by hand: %(fields)s.",
                fields=", ".join(self._fields[name]._description_string(self.env) for name in sorted(names)),
            ))

    @api.model
    def _default_of(self, name):
        default = self._fields[name].default
        return default(self) if default else None

    @api.model
    def _check_limits(self, vals):
        """:raise ValidationError: naming the number that is out of bounds, and its bounds"""
        for name, (low, high) in self._clm_limits.items():
            value = vals.get(name) and self._fields[name].convert_to_cache(vals[name], self)
            if value and not low <= value <= high:  # a NaN is in no bounds
                raise ValidationError(self.env._(
                    "“%(field)s” goes from %(low)s to %(high)s.",
                    field=self._fields[name]._description_string(self.env), low=low, high=high,
                ))
