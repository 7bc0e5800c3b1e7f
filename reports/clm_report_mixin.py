from odoo import api, models
from odoo.tools import SQL


class ClmReportMixin(models.AbstractModel):
    """Measures that the client asks for as an average and that are something better.

    A report names them in :meth:`_measures`. They are right in every group and total of pivot, graph and list,
    under every filter, because the database computes them from the rows of the group.
    """

    _name = "clm.report.mixin"
    _description = "Report with Percentiles and Shares"

    @api.model
    def _measures(self):
        """Hook: the measures of the report.

        :return: dict aggregate ("field:avg") -> function (query) returning ``SQL``
        """
        return {}

    def _read_group_select(self, aggregate_spec, query):
        measure = self._measures().get(aggregate_spec)
        return measure(query) if measure else super()._read_group_select(aggregate_spec, query)

    def _read_group(self, domain, groupby=(), aggregates=(), having=(), offset=0, limit=None, order=None):
        report = self.with_context(clm_report_groups=tuple(groupby))
        return super(ClmReportMixin, report)._read_group(domain, groupby, aggregates, having, offset, limit, order)

    def _read_grouping_sets(self, domain, grouping_sets, aggregates=(), order=None):
        groups = tuple(dict.fromkeys(group for grouping_set in grouping_sets for group in grouping_set))
        report = self.with_context(clm_report_groups=groups)
        return super(ClmReportMixin, report)._read_grouping_sets(domain, grouping_sets, aggregates, order)

    def _percentile(self, fname, fraction, query) -> SQL:
        column = self._field_to_sql(self._table, fname, query)
        return SQL("percentile_cont(%s) WITHIN GROUP (ORDER BY %s)", fraction, column)

    def _groups(self):
        """:return: tuple of the group-bys of the query being built, such as ("stage_id", "entered_at:month")"""
        return self.env.context.get("clm_report_groups", ())

    def _over_groups(self, but, query) -> SQL:
        """:return: SQL of the window of the groups that differ in the field ``but`` alone"""
        terms = {group: self._read_group_groupby(self._table, group, query) for group in self._groups()}
        if not terms:
            return SQL("OVER ()")
        # GROUPING keeps cells, row totals and column totals apart
        partition = [
            SQL("GROUPING(%s)", SQL(", ").join(dict.fromkeys(terms.values()))),
            *(term for group, term in terms.items() if group.split(":")[0] != but),
        ]
        return SQL("OVER (PARTITION BY %s)", SQL(", ").join(partition))
