import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { formatInteger } from "@web/views/fields/formatters";
import { formatRatio } from "../ratio/ratio";

/** How many customers entered each stage and which share of them went on. */
export class StageFunnel extends Component {
    static template = "clm.StageFunnel";
    static props = {
        stages: Array,
        open: Function,
    };

    get rows() {
        const { stages } = this.props;
        const largest = Math.max(1, ...stages.map(({ count }) => count));
        return stages.map((stage, index) => ({
            ...stage,
            width: (100 * stage.count) / largest,
            next: stages[index + 1],
        }));
    }

    count(value) {
        return formatInteger(value);
    }

    rate(value) {
        return formatRatio(value) || _t("n/a");
    }
}
