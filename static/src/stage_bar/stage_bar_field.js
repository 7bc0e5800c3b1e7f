import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { statusBarField, StatusBarField } from "@web/views/fields/statusbar/statusbar_field";
import { askMove } from "../move_dialog/move_dialog";

/**
 * The stages of the lifecycle. A click moves the customer by hand, after asking for the reason.
 */
export class StageBarField extends StatusBarField {
    setup() {
        super.setup();
        this.action = useService("action");
    }

    /** @override */
    async selectItem(item) {
        const { record } = this.props;
        if ((await record.save()) && (await askMove(this.action, [record.resId], item.value))) {
            await record.load();
        }
    }
}

registry.category("fields").add("clm_stage_bar", { ...statusBarField, component: StageBarField });
