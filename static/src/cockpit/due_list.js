import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { formatInteger } from "@web/views/fields/formatters";

/** A short list of records. A click anywhere in a row opens it, as does the button with its name. */
export class DueList extends Component {
    static template = "clm.DueList";
    static props = {
        part: String,
        title: String,
        none: String, // shown in place of an empty list
        count: { type: Number, optional: true }, // all there are, not only the rows here
        columns: { type: Array, element: String },
        rows: Array, // of {id, name, note, cells: [{text, isLate}]}
        open: Function,
    };

    get all() {
        return _t("Show all %s", formatInteger(this.props.count));
    }
}
