import { Component } from "@odoo/owl";
import { formatFigure, isKnown } from "./figures";

/** What an indicator is made of: formula, source, the two figures behind it and who looks after it. */
export class KpiInfo extends Component {
    static template = "clm.KpiInfo";
    static props = {
        kpi: Object,
        currencyId: Number,
        open: Function,
        close: { type: Function, optional: true },
    };

    get interval() {
        const { low, high } = this.props.kpi;
        return isKnown(low) && isKnown(high) ? `${this.format(low)} – ${this.format(high)}` : "";
    }

    format(value) {
        return formatFigure(value, this.props.kpi.unit, this.props.currencyId, { exact: true });
    }

    /** Numerator and denominator are plain sums: counts, amounts or days, not ratios. */
    get parts() {
        const { kpi } = this.props;
        return kpi.parts.map((part) => ({ ...part, text: formatFigure(kpi[part.key], "number", this.props.currencyId) }));
    }

    openPart(part) {
        this.props.close?.();
        this.props.open("kpi", { id: this.props.kpi.id, part: part.key });
    }
}
