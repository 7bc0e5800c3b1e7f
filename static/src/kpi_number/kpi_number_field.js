import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { FloatField, floatField } from "@web/views/fields/float/float_field";
import { formatFloat, formatMonetary, formatPercentage } from "@web/views/fields/formatters";
import { parseFloat, parseMonetary, parsePercentage } from "@web/views/fields/parsers";

/**
 * A number in the unit of its KPI (field `unit` of the record): 0.9 is shown and typed as 90 % where the KPI is a share,
 * money with the currency in `currency_id`.
 */
export class KpiNumberField extends FloatField {
    get unit() {
        return this.props.record.data.unit;
    }

    parse(value) {
        const text = value.replace(/[%\s]+$/, "");
        switch (this.unit) {
            case "ratio":
                return parsePercentage(text);
            case "money":
                return parseMonetary(text, { allowOperation: true });
            default:
                return parseFloat(text, { allowOperation: true });
        }
    }

    get formattedValue() {
        const { record, readonly } = this.props;
        switch (this.unit) {
            case "ratio":
                return formatPercentage(this.value, { digits: [false, 2] });
            case "money":
                return formatMonetary(this.value, {
                    currencyId: readonly && record.data.currency_id?.id,
                    digits: [false, 2],
                });
            default: {
                const number = formatFloat(this.value, { digits: [false, 2], trailingZeros: false });
                if (!readonly || this.unit !== "days") {
                    return number;
                }
                return this.value === 1 ? _t("1 day") : _t("%s days", number);
            }
        }
    }
}

registry.category("fields").add("clm_kpi_number", {
    ...floatField,
    component: KpiNumberField,
    displayName: _t("Number of a KPI"),
    supportedOptions: [],
    supportedTypes: ["float"],
    extractProps: () => ({}),
    fieldDependencies: [
        { name: "unit", type: "selection" },
        { name: "currency_id", type: "many2one", relation: "res.currency" },
    ],
});

/** As many digits as say something: 1,234 or 12.5 or 0.35. */
export function formatFigure(value) {
    if (typeof value !== "number") {
        return "";
    }
    const size = Math.abs(value);
    return formatFloat(value, { digits: [false, size < 10 ? 2 : size < 1000 ? 1 : 0], trailingZeros: false });
}

registry.category("formatters").add("clm_figure", formatFigure);
