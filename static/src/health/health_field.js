import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";
import { formatFloat } from "@web/views/fields/formatters";
import { formatRatio } from "../ratio/ratio";

/**
 * The health of a customer and why it is so: each part with what was found, how good that is, how much it counts and
 * what it adds. Parts of which nothing is known are there too, without a number.
 */
export class HealthField extends Component {
    static template = "clm.HealthField";
    static props = { ...standardFieldProps };

    get health() {
        return this.props.record.data[this.props.name] || null;
    }

    get bandLabel() {
        return { red: _t("Red"), yellow: _t("Yellow"), green: _t("Green") }[this.health.band] || "";
    }

    get coverage() {
        return formatRatio(this.health.coverage);
    }

    get change() {
        const points = this.health.change;
        if (!points) {
            return points === 0 ? _t("as at the end of last month") : "";
        }
        return points > 0
            ? _t("%s more than at the end of last month", points)
            : _t("%s less than at the end of last month", -points);
    }

    get rows() {
        return this.health.parts.map((part) => {
            const isKnown = part.value !== null;
            return {
                ...part,
                isKnown,
                tone: !isKnown ? "" : part.value > 0.75 ? "green" : part.value > 0.5 ? "yellow" : "red",
                width: isKnown ? 100 * part.value : 0,
                good: isKnown ? formatRatio(part.value) : "",
                share: isKnown ? formatRatio(part.weight) : "",
                sum: isKnown && part.points !== null ? formatFloat(part.points, { digits: [false, 1] }) : "",
            };
        });
    }
}

export const healthField = {
    component: HealthField,
    displayName: _t("Health of a Customer"),
    supportedTypes: ["json"],
};

registry.category("fields").add("clm_health", healthField);
