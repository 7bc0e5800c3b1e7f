import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";
import { formatFloat } from "@web/views/fields/formatters";
import { formatRatio } from "../ratio/ratio";

/**
 * The risk of a contract as a table: what was found, how bad that is, how much it counts and what it adds.
 *
 * Option `total` names the field with the sum, option `band` the one with its level.
 */
export class RiskField extends Component {
    static template = "clm.RiskField";
    static props = {
        ...standardFieldProps,
        total: { type: String },
        band: { type: String },
    };

    get rows() {
        return (this.props.record.data[this.props.name] || []).map((row) => ({
            ...row,
            severity: formatRatio(row.value),
            share: formatRatio(row.weight),
            sum: formatFloat(row.points, { digits: [false, 1] }),
            width: 100 * row.value,
        }));
    }

    get total() {
        return this.props.record.data[this.props.total];
    }

    get band() {
        return this.props.record.data[this.props.band];
    }

    get level() {
        return { low: _t("low"), medium: _t("medium"), high: _t("high") }[this.band] || "";
    }
}

export const riskField = {
    component: RiskField,
    displayName: _t("Risk Table"),
    supportedTypes: ["json"],
    extractProps: ({ options }) => ({ total: options.total, band: options.band }),
};

registry.category("fields").add("clm_risk", riskField);
