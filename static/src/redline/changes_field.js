import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

/**
 * What changed outside of the text: dates, terms and lines, before and after.
 */
export class ChangesField extends Component {
    static template = "clm.ChangesField";
    static props = { ...standardFieldProps };

    get rows() {
        return this.props.record.data[this.props.name] || [];
    }
}

export const changesField = {
    component: ChangesField,
    displayName: _t("Changes of Terms"),
    supportedTypes: ["json"],
};

registry.category("fields").add("clm_changes", changesField);
