//! Where a device's services are, and who it is.

use std::sync::Arc;

use super::{
    Client,
    fault::{short, told},
};
use crate::{
    onvif::{AskError, Device},
    understand::service_here,
};

/// The services that are used, at addresses that can be reached.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Services {
    pub(super) media1: Option<String>,
    pub(super) media2: Option<String>,
    pub(super) ptz: Option<String>,
    pub(super) events: Option<String>,
}

impl Client {
    /// By `GetServices`, or by `GetCapabilities` where a camera does not know that (profile S does not ask for it).
    pub(super) async fn services(&self) -> Result<Arc<Services>, AskError> {
        if let Some(known) = self.memory().services.clone() {
            return Ok(known);
        }
        let mut services = self.by_services().await?;
        if services.media1.is_none() && services.media2.is_none() {
            services = self.by_capabilities(services).await?;
        }
        let services = Arc::new(services);
        self.memory().services = Some(Arc::clone(&services));
        Ok(services)
    }

    async fn by_services(&self) -> Result<Services, AskError> {
        let mut answer = self.stranger().get_services().await.map_err(told);
        if self.wants_a_name(&answer) {
            answer = self.client().await?.get_services().await.map_err(told);
        }
        let told = match answer {
            Ok(told) => told,
            Err(error) if error.is_unknown() => return Ok(Services::default()),
            Err(error) => return Err(error),
        };
        let find = |name: &str| {
            let named = told.iter().find(|service| {
                let namespace = service.namespace.trim().trim_end_matches('/').to_ascii_lowercase();
                namespace.ends_with(name)
            });
            self.here(named.map(|service| service.url.as_str()))
        };
        Ok(Services {
            media1: find("ver10/media/wsdl"),
            media2: find("ver20/media/wsdl"),
            // Old ones have it in the first version's namespace.
            ptz: find("ver20/ptz/wsdl").or_else(|| find("/ptz/wsdl")),
            events: find("ver10/events/wsdl"),
        })
    }

    async fn by_capabilities(&self, known: Services) -> Result<Services, AskError> {
        let mut answer = self.stranger().get_capabilities().await.map_err(told);
        if self.wants_a_name(&answer) {
            answer = self.client().await?.get_capabilities().await.map_err(told);
        }
        let told = answer?;
        let here = |url: &Option<String>| self.here(url.as_deref());
        Ok(Services {
            media1: here(&told.media.url),
            media2: here(&told.media2.url),
            ptz: known.ptz.or_else(|| here(&told.ptz.url)),
            events: known.events.or_else(|| here(&told.events.url)),
        })
    }

    /// Whether it tells only to whom it knows what a camera should tell everybody (core specification §5.9.4.3).
    fn wants_a_name<T>(&self, answer: &Result<T, AskError>) -> bool {
        matches!(answer, Err(AskError::Refused { .. })) && self.caller.credentials().is_some()
    }

    fn here(&self, told: Option<&str>) -> Option<String> {
        Some(service_here(told?, &self.xaddr)?.into())
    }

    pub(super) async fn ask_device(&self) -> Result<Device, AskError> {
        let client = self.client().await?;
        // First what needs an account, so that what follows may fail for other reasons.
        let info = client.get_device_info().await.map_err(told)?;
        let scopes = client.get_scopes().await.unwrap_or_default();
        let interfaces = client.get_network_interfaces().await.unwrap_or_default();
        let hardware = interfaces.iter().find_map(|interface| hardware_address(&interface.hw_address));
        Ok(Device {
            name: scopes.iter().find_map(|scope| name_of(scope)).unwrap_or_default(),
            manufacturer: short(&info.manufacturer),
            model: short(&info.model),
            firmware: short(&info.firmware_version),
            serial: short(&info.serial_number),
            hardware_address: hardware.unwrap_or_default(),
        })
    }
}

/// `onvif://www.onvif.org/name/Gate%201`.
fn name_of(scope: &str) -> Option<String> {
    let (_, name) = scope.trim().rsplit_once("onvif.org/name/")?;
    let form = format!("n={}", name.replace('+', "%2B").replace('&', "%26"));
    let (_, decoded) = url::form_urlencoded::parse(form.as_bytes()).next()?;
    Some(short(&decoded)).filter(|name| !name.is_empty())
}

/// `aa:bb:cc:dd:ee:ff` of whatever a device puts between the digits; nothing for what is not one.
fn hardware_address(told: &str) -> Option<String> {
    let digits: Vec<char> = told.chars().filter(char::is_ascii_hexdigit).collect();
    if digits.len() != 12 || told.len() > 17 || digits.iter().all(|digit| *digit == '0') {
        return None;
    }
    let octets: Vec<String> = digits.chunks(2).map(|octet| octet.iter().collect()).collect();
    Some(octets.join(":").to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_scopes() {
        let scope = |rest: &str| name_of(&format!("onvif://www.onvif.org/{rest}"));
        assert_eq!(scope("name/Gate%201").as_deref(), Some("Gate 1"));
        assert_eq!(scope("name/A+B&C").as_deref(), Some("A+B&C"));
        assert_eq!(scope("location/Berlin"), None);
        assert_eq!(scope("name/"), None);
    }

    #[test]
    fn hardware_addresses_are_spelt_alike() {
        for told in ["AA-BB-CC-00-11-22", "aa:bb:cc:00:11:22", "AABBCC001122"] {
            assert_eq!(hardware_address(told).as_deref(), Some("aa:bb:cc:00:11:22"));
        }
        for bad in ["", "00:00:00:00:00:00", "camera", "aa:bb:cc:00:11:22:33"] {
            assert_eq!(hardware_address(bad), None, "{bad}");
        }
    }
}
