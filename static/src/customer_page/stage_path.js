import { Component, onMounted, useRef } from "@odoo/owl";
import { localization } from "@web/core/l10n/localization";
import { _t } from "@web/core/l10n/translation";
import { day, days } from "./words";

/** The stays of the customer, oldest first, each with its days and why it began. */
export class StagePath extends Component {
    static template = "clm.CustomerStagePath";
    static props = { stage: Object };

    setup() {
        this.pathRef = useRef("path");
        onMounted(() => {
            const { el } = this.pathRef; // where the customer stands now is what one looks for
            el.scrollLeft = localization.direction === "rtl" ? -el.scrollWidth : el.scrollWidth;
        });
    }

    get steps() {
        const { path } = this.props.stage;
        return path.map((step, index) => {
            const values = { from: day(step.entered_at), until: step.exited_at ? day(step.exited_at) : _t("today"), cause: step.cause };
            return {
                ...step,
                isCurrent: !step.exited_at,
                isNewCycle: index > 0 && step.cycle > path[index - 1].cycle,
                duration: days(step.days),
                title: step.cause ? _t("%(from)s to %(until)s: %(cause)s", values) : _t("%(from)s to %(until)s", values),
            };
        });
    }
}
