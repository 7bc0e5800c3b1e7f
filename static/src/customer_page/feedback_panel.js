import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { Panel } from "./panel";
import { day, formatInteger } from "./words";

/** What the customer said, the newest answer first. */
export class FeedbackPanel extends Component {
    static template = "clm.CustomerFeedback";
    static components = { Panel };
    static props = {
        feedback: Object,
        open: Function,
    };

    get waiting() {
        const { waiting } = this.props.feedback;
        return waiting ? (waiting === 1 ? _t("1 answer is awaited") : _t("%s answers are awaited", formatInteger(waiting))) : "";
    }

    get rows() {
        const moods = {
            bad: { mood: _t("unhappy"), icon: "fa-frown-o" },
            neutral: { mood: _t("neither nor"), icon: "fa-meh-o" },
            good: { mood: _t("happy"), icon: "fa-smile-o" },
        };
        return this.props.feedback.answers.map((row) => ({
            ...row,
            ...moods[row.sentiment],
            on: day(row.date),
            text: _t("%(score)s of %(scale)s", { score: formatInteger(row.score), scale: formatInteger(row.scale) }),
        }));
    }
}
