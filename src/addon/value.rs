//! Reading what JavaScript passes, with errors that the caller gets to see as ours.

use napi::bindgen_prelude::{FromNapiValue, JsObjectValue, JsValue, Object, Unknown};
use napi::{ValueType, sys};

/// `value` as a `T`, or why not. The properties named in `nested` must be objects where they are present: the
/// generated conversions would take anything for an object without properties.
pub(super) fn read<T: FromNapiValue>(value: Unknown<'_>, what: &str, nested: &[&str]) -> Result<T, String> {
    if value.get_type().ok() != Some(ValueType::Object) {
        return Err(format!("{what} must be an object"));
    }
    let read = || -> napi::Result<Result<T, String>> {
        let object = Object::from_unknown(value)?;
        for name in nested {
            let property: Unknown<'_> = object.get_named_property_unchecked(name)?;
            if !matches!(property.get_type()?, ValueType::Object | ValueType::Undefined | ValueType::Null) {
                return Ok(Err(format!("invalid {what}: {name} must be an object")));
            }
        }
        T::from_unknown(value).map(Ok)
    };
    read().unwrap_or_else(|error| {
        forget_exception(value);
        Err(format!("invalid {what}: {}", error.reason))
    })
}

/// The text in the property `name` of `value`; `None` where it is absent. Unlike those of [`read`], an error does not
/// quote what is there instead, which may be a secret.
pub(super) fn text(value: Unknown<'_>, name: &str) -> Result<Option<String>, String> {
    let read = || -> napi::Result<Option<Option<String>>> {
        let property: Unknown<'_> = Object::from_unknown(value)?.get_named_property_unchecked(name)?;
        match property.get_type()? {
            ValueType::Undefined | ValueType::Null => Ok(Some(None)),
            ValueType::String => Ok(Some(Some(String::from_unknown(property)?))),
            _ => Ok(None),
        }
    };
    read().ok().flatten().ok_or_else(|| {
        forget_exception(value);
        format!("{name} must be a string")
    })
}

/// Refuses properties of `value` itself that nobody knows.
pub(super) fn check_own_names(value: Unknown<'_>, what: &str, known: &[&str]) -> Result<(), String> {
    let names = Object::from_unknown(value).and_then(|object| Object::keys(&object)).map_err(|error| {
        forget_exception(value);
        error.reason.clone()
    })?;
    check(&names, what, known)
}

/// Refuses properties of `name`, an object within `value`, that nobody knows: where a misspelt or made-up option would
/// be taken for a protection, silence is not safe.
pub(super) fn check_names(value: Unknown<'_>, name: &str, known: &[&str]) -> Result<(), String> {
    let names = || -> napi::Result<Vec<String>> {
        match Object::from_unknown(value)?.get::<Object<'_>>(name)? {
            Some(object) => Object::keys(&object),
            None => Ok(Vec::new()),
        }
    };
    let names = names().map_err(|error| {
        forget_exception(value);
        error.reason.clone()
    })?;
    check(&names, name, known)
}

fn check(names: &[String], what: &str, known: &[&str]) -> Result<(), String> {
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        Some(unknown) => Err(format!("invalid {what}: unknown option \"{}\"", unknown.escape_debug())),
        None => Ok(()),
    }
}

/// A getter of the caller's that throws leaves its exception behind, and nothing can be done until it is taken.
#[allow(unsafe_code, reason = "napi offers no safe call for it")]
fn forget_exception(value: Unknown<'_>) {
    let mut exception = std::ptr::null_mut();
    // SAFETY: the environment is that of the call that is being handled, on its thread, and the pointer is to a
    // live local. Without an exception the call does nothing.
    unsafe { sys::napi_get_and_clear_last_exception(value.value().env, &mut exception) };
}
