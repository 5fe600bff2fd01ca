//! Where telemetry comes from, as it lies on the wire: resources and scopes.

use super::value::{AttributesView, check_attribute};
use crate::model::otlp::cursor::{Entries, Field, Fields, WireError, last_text, texts};
use crate::model::otlp::fields::{entity_ref, resource, resource_items, scope, scope_items};

/// Who emits: service, host, SDK (OTLP `Resource`).
#[derive(Clone, Copy, Debug)]
pub struct ResourceView<'a> {
    occurrences: Occurrences<'a>,
    dropped_attributes: u32,
}

impl<'a> ResourceView<'a> {
    pub(super) fn read(group: Fields<'a>) -> Self {
        let mut dropped_attributes = 0;
        let occurrences = Occurrences::visit(group, resource_items::RESOURCE, |field| {
            if field.number == resource::DROPPED_ATTRIBUTES_COUNT {
                dropped_attributes = field.uint32().unwrap_or_default();
            }
        });
        Self {
            occurrences,
            dropped_attributes,
        }
    }

    pub(super) fn check(mut fields: Fields<'a>) -> Result<(), WireError> {
        while let Some(field) = fields.read()? {
            match field.number {
                resource::ATTRIBUTES => check_attribute(field.message()?)?,
                resource::DROPPED_ATTRIBUTES_COUNT => {
                    field.uint32()?;
                }
                resource::ENTITY_REFS => EntityRefView::check(field.message()?)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Its attributes.
    #[must_use]
    pub fn attributes(&self) -> AttributesView<'a> {
        AttributesView(self.occurrences.entries(resource::ATTRIBUTES))
    }

    /// How many attributes were dropped.
    #[must_use]
    pub fn dropped_attributes(&self) -> u32 {
        self.dropped_attributes
    }

    /// The entities that it stands for.
    pub fn entity_refs(&self) -> impl Iterator<Item = EntityRefView<'a>> + Clone + use<'a> {
        self.occurrences
            .entries(resource::ENTITY_REFS)
            .map(|fields| EntityRefView { fields })
    }
}

/// One entity that a resource stands for (OTLP `EntityRef`, in development).
#[derive(Clone, Copy, Debug)]
pub struct EntityRefView<'a> {
    fields: Fields<'a>,
}

impl<'a> EntityRefView<'a> {
    pub(super) fn check(mut fields: Fields<'a>) -> Result<(), WireError> {
        while let Some(field) = fields.read()? {
            if (entity_ref::SCHEMA_URL..=entity_ref::DESCRIPTION_KEYS).contains(&field.number) {
                field.text()?;
            }
        }
        Ok(())
    }

    /// The schema that describes the entity's type; empty when unknown.
    #[must_use]
    pub fn schema_url(&self) -> &'a str {
        last_text(self.fields, entity_ref::SCHEMA_URL)
    }

    /// The type of the entity: `service`, say.
    #[must_use]
    pub fn type_name(&self) -> &'a str {
        last_text(self.fields, entity_ref::TYPE)
    }

    /// The attributes of the resource that identify the entity, by key.
    pub fn id_keys(&self) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        texts(self.fields, entity_ref::ID_KEYS)
    }

    /// The attributes of the resource that describe the entity, by key.
    pub fn description_keys(&self) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        texts(self.fields, entity_ref::DESCRIPTION_KEYS)
    }
}

/// What records: an instrumentation library (OTLP `InstrumentationScope`).
#[derive(Clone, Copy, Debug)]
pub struct ScopeView<'a> {
    occurrences: Occurrences<'a>,
    name: &'a str,
    version: &'a str,
    dropped_attributes: u32,
}

impl<'a> ScopeView<'a> {
    pub(super) fn read(group: Fields<'a>) -> Self {
        let (mut name, mut version, mut dropped_attributes) = ("", "", 0);
        let occurrences =
            Occurrences::visit(group, scope_items::SCOPE, |field| match field.number {
                scope::NAME => name = field.text().unwrap_or_default(),
                scope::VERSION => version = field.text().unwrap_or_default(),
                scope::DROPPED_ATTRIBUTES_COUNT => {
                    dropped_attributes = field.uint32().unwrap_or_default();
                }
                _ => {}
            });
        Self {
            occurrences,
            name,
            version,
            dropped_attributes,
        }
    }

    pub(super) fn check(mut fields: Fields<'a>) -> Result<(), WireError> {
        while let Some(field) = fields.read()? {
            match field.number {
                scope::NAME | scope::VERSION => {
                    field.text()?;
                }
                scope::ATTRIBUTES => check_attribute(field.message()?)?,
                scope::DROPPED_ATTRIBUTES_COUNT => {
                    field.uint32()?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Its name; empty when unknown.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Its version; empty when unknown.
    #[must_use]
    pub fn version(&self) -> &'a str {
        self.version
    }

    /// Its attributes.
    #[must_use]
    pub fn attributes(&self) -> AttributesView<'a> {
        AttributesView(self.occurrences.entries(scope::ATTRIBUTES))
    }

    /// How many attributes were dropped.
    #[must_use]
    pub fn dropped_attributes(&self) -> u32 {
        self.dropped_attributes
    }
}

/// Where a single message field lies in its group: encoders write it at most once, but several
/// occurrences are allowed, and then they merge.
#[derive(Clone, Copy, Debug)]
enum Occurrences<'a> {
    /// The message itself, so that its entries are found without a walk over the whole group.
    Once(Fields<'a>),
    /// The group, and the number of the field.
    Several(Fields<'a>, u32),
}

impl<'a> Occurrences<'a> {
    /// Finds them in a checked group and shows each of their fields, in wire order.
    fn visit(group: Fields<'a>, number: u32, mut visit: impl FnMut(Field<'a>)) -> Self {
        let mut found = Self::Once(Fields::EMPTY);
        for (index, message) in Entries::new(group, number).enumerate() {
            found = match index {
                0 => Self::Once(message),
                _ => Self::Several(group, number),
            };
            let mut fields = message;
            while let Ok(Some(field)) = fields.read() {
                visit(field);
            }
        }
        found
    }

    fn entries(&self, number: u32) -> Entries<'a> {
        match *self {
            Self::Once(message) => Entries::new(message, number),
            Self::Several(group, holder) => Entries::within(group, holder, number),
        }
    }
}
