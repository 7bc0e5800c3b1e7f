import { onWillStart } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { user } from "@web/core/user";
import { RelationalModel } from "@web/model/relational_model/relational_model";
import { KanbanController } from "@web/views/kanban/kanban_controller";
import { KanbanRenderer } from "@web/views/kanban/kanban_renderer";
import { kanbanView } from "@web/views/kanban/kanban_view";
import { askMove } from "../move_dialog/move_dialog";
import { RebuildBanner } from "../rebuild_banner/rebuild_banner";

const STAGE = "lifecycle_stage_id";

export class CustomerDynamicGroupList extends RelationalModel.DynamicGroupList {
    /**
     * Ask for a reason first. Until it is given the card stays where it was, and when the dialog is
     * cancelled nothing has happened.
     *
     * @override
     */
    async moveRecord(dataRecordId, dataGroupId, refId, targetGroupId) {
        if (dataGroupId === targetGroupId || this.groupByField.name !== STAGE) {
            return super.moveRecord(...arguments);
        }
        const record = this.records.find((r) => r.id === dataRecordId);
        const stageId = this.groups.find((g) => g.id === targetGroupId).value;
        if (stageId && (await askMove(this.model.action, [record.resId], stageId))) {
            await this.model.load();
        }
    }
}

export class CustomerKanbanModel extends RelationalModel {
    static DynamicGroupList = CustomerDynamicGroupList;
}

export class CustomerKanbanRenderer extends KanbanRenderer {
    setup() {
        super.setup();
        onWillStart(async () => {
            this.mayMove = await user.hasGroup("clm.group_user");
        });
    }

    /**
     * Cards are dragged between stages, by those who may.
     *
     * @override
     */
    get canResequenceRecords() {
        const { isGrouped, groupByField } = this.props.list;
        return Boolean(this.mayMove && isGrouped && groupByField.name === STAGE && super.canResequenceRecords);
    }
}

export class CustomerKanbanController extends KanbanController {
    static template = "clm.CustomerKanbanView";
    static components = { ...KanbanController.components, RebuildBanner };
}

registry.category("views").add("clm_customer_kanban", {
    ...kanbanView,
    Controller: CustomerKanbanController,
    Model: CustomerKanbanModel,
    Renderer: CustomerKanbanRenderer,
});
