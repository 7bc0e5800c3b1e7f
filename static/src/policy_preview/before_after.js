import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { formatInteger } from "@web/views/fields/formatters";
import { standardFieldProps } from "@web/views/fields/standard_field_props";
import { formatRatio } from "../ratio/ratio";

/**
 * Lines of stages as a table: how many now, how many then, and two bars to compare them at a glance.
 *
 * Option `measure` names the pair of fields: "count" shows `count_now` and `count_then`. Option `rate` names
 * a pair of ratios to show beside them.
 */
export class BeforeAfterField extends Component {
    static template = "clm.BeforeAfterField";
    static props = {
        ...standardFieldProps,
        measure: { type: String },
        rate: { type: String, optional: true },
        title: { type: String, optional: true },
    };

    get rows() {
        const { measure, rate, record, name } = this.props;
        const rows = record.data[name].records.map(({ id, data }) => ({
            id,
            name: data.name,
            now: data[`${measure}_now`],
            then: data[`${measure}_then`],
            rateNow: rate && formatRatio(data[`${rate}_now`]),
            rateThen: rate && formatRatio(data[`${rate}_then`]),
        }));
        const largest = Math.max(1, ...rows.flatMap(({ now, then }) => [now, then]));
        return rows.map((row) => ({
            ...row,
            widthNow: (100 * row.now) / largest,
            widthThen: (100 * row.then) / largest,
        }));
    }

    count(value) {
        return formatInteger(value);
    }

    change({ now, then }) {
        if (now === then) {
            return _t("same");
        }
        return then > now ? `+${formatInteger(then - now)}` : `−${formatInteger(now - then)}`;
    }
}

const PAIRS = ["count", "strict", "any"].flatMap((measure) => [`${measure}_now`, `${measure}_then`]);

export const beforeAfterField = {
    component: BeforeAfterField,
    displayName: _t("Before and After"),
    supportedTypes: ["one2many"],
    relatedFields: [
        { name: "name", type: "char" },
        ...PAIRS.map((name) => ({ name, type: "integer" })),
        { name: "strict_rate_now", type: "float" },
        { name: "strict_rate_then", type: "float" },
    ],
    extractProps: ({ options, string }) => ({
        measure: options.measure,
        rate: options.rate,
        title: string,
    }),
};

registry.category("fields").add("clm_before_after", beforeAfterField);
