import { Component, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { formatInteger } from "@web/views/fields/formatters";
import { formatRatio } from "../ratio/ratio";

/** How many customers entered each stage and which share of them went on, counted in one of several ways. */
export class StageFunnel extends Component {
    static template = "clm.StageFunnel";
    static props = {
        variants: Array, // of {key, label, help, stages}
        open: Function,
    };

    setup() {
        this.state = useState({ variant: this.props.variants[0].key });
    }

    get variant() {
        const { variants } = this.props;
        return variants.find(({ key }) => key === this.state.variant) || variants[0];
    }

    get rows() {
        const { stages } = this.variant;
        const largest = Math.max(1, ...stages.map(({ count }) => count));
        return stages.map((stage, index) => ({
            ...stage,
            width: (100 * stage.count) / largest,
            next: stages[index + 1],
        }));
    }

    openStage(stage) {
        this.props.open("funnel", { stage: stage.id, variant: this.variant.key });
    }

    count(value) {
        return formatInteger(value);
    }

    rate(value) {
        return formatRatio(value) || _t("n/a");
    }
}
